/**
 * Cleaning and cutting text. Cleaning takes out what could drive a terminal or hide from its reader, and nothing else:
 * it removes complete control sequences and invisible characters, never text.
 *
 * What another agent wrote is a `PeerText`, and goes through one of the functions in peer-text.ts.
 */

/**
 * Complete sequences that begin with ESC: CSI; OSC and the other string sequences, on one line and with their end; two
 * characters. What is not complete loses its ESC only. C1 characters begin nothing here: in mis-decoded UTF-8 they stand
 * in the middle of ordinary words.
 */
const SEQUENCES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0000-\u001f\u007f-\u009f]*(?:\u0007|\u001b\\)|[ -/]+[0-~]|[0-~])/g;

/** Letters and marks of scripts in which a joiner or non-joiner changes the shape of the word. */
const SHAPED =
  '(?!\\p{DI})(?=[\\p{L}\\p{M}])[\\p{sc=Arab}\\p{sc=Syrc}\\p{sc=Nkoo}\\p{sc=Mong}\\p{sc=Deva}\\p{sc=Beng}\\p{sc=Guru}\\p{sc=Gujr}\\p{sc=Orya}\\p{sc=Taml}\\p{sc=Telu}\\p{sc=Knda}\\p{sc=Mlym}\\p{sc=Sinh}\\p{sc=Khmr}\\p{sc=Mymr}]';

/**
 * By Unicode's own properties, so that the next invisible character is covered too. What stays is what scripts and
 * emoji need: line break and tab, number signs that are seen, one joiner behind a letter that takes one, one variation
 * selector behind an emoji, the joiner between two emoji, Mongolian's own selectors behind its letters.
 */
const INVISIBLE = new RegExp(
  [
    '[\\p{Cc}\\p{Cf}\\p{DI}]',
    '(?<![\\n\\t\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u{110bd}\\u{110cd}])',
    `(?<!${SHAPED}[\\u200c\\u200d])`,
    '(?<!\\p{ExtPict}[\\ufe0e\\ufe0f])',
    '(?<![0-9#*]\\ufe0f(?=\\u20e3))',
    '(?<!\\p{ExtPict}\\p{EMod}?\\ufe0f?\\u200d(?=\\p{ExtPict}))',
    '(?<![\\u1820-\\u18aa][\\u180b-\\u180f])',
  ].join(''),
  'gu',
);

/** Most texts: nothing to clean, and nothing to compile the expressions above for. */
const PLAIN = /^[\n\t -~]*$/;
const LONE_SURROGATES = /\p{Surrogate}/gu;
const LINE_BREAKS = /\r\n?|[\u000b\u000c\u0085\u2028\u2029]/g;

/** The text with halves of surrogate pairs replaced, which no UTF-8 can hold: what is stored is what was compared. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, '\ufffd');
}

/** The text without terminal control sequences, bidi controls and invisible characters; newline and tab stay. */
export function cleanText(text: string): string {
  if (PLAIN.test(text)) return text;
  // two halves must not become a hidden character when what stands between them goes
  return wellFormed(text).replace(LINE_BREAKS, '\n').replace(SEQUENCES, '').replace(INVISIBLE, '');
}

/** {@link cleanText} on one line: line breaks and tabs become single spaces. */
export function cleanLine(text: string): string {
  return cleanText(text).replace(/\s+/g, ' ').trim();
}

/**
 * Cuts to at most `maxBytes` of UTF-8 without splitting a character.
 * @returns the head of the text; the whole text where it fits
 */
export function cutBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  // 0b10xxxxxx continues a character: step back to where it begins
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString('utf8');
}

/** One clean line of at most `maxBytes` bytes, with an ellipsis where it was cut. */
export function previewLine(text: string, maxBytes: number): string {
  const line = cleanLine(text);
  if (Buffer.byteLength(line) <= maxBytes) return line;
  return `${cutBytes(line, Math.max(0, maxBytes - 3)).trimEnd()}…`;
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
