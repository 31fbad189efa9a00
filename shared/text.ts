/**
 * Peer text is data from another agent. Before a terminal or a model sees it, what could drive the terminal,
 * hide from the reader or pass for somebody else's frame is taken out here.
 */

// ESC sequences: CSI, OSC and the other string sequences (also unterminated), then two-character ones.
const ESCAPE_SEQUENCES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]*[0-~]?/g;
// C0 but tab and newline, DEL, C1; bidi controls; zero-width space, word joiners, BOM; tag characters.
// The joiners U+200C and U+200D stay: scripts and emoji need them.
const HIDDEN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: the selectors are meant by themselves, not as parts of a character
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}\u{e0100}-\u{e01ef}]/gu;
const LONE_SURROGATES = /\p{Surrogate}/gu;
const LINE_BREAKS = /\r\n?|[\u000b\u000c\u0085\u2028\u2029]/g;

/** The text with halves of surrogate pairs replaced, which no UTF-8 can hold: what is stored is what was compared. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, '\ufffd');
}

/** The text without terminal control sequences, bidi overrides and invisible characters; newline and tab stay. */
export function cleanText(text: string): string {
  // two halves must not become a hidden character when what stands between them goes
  return wellFormed(text).replace(LINE_BREAKS, '\n').replace(ESCAPE_SEQUENCES, '').replace(HIDDEN, '');
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

/** One line of at most `maxBytes` bytes, with an ellipsis where it was cut. */
export function previewLine(text: string, maxBytes: number): string {
  const line = cleanLine(text);
  if (Buffer.byteLength(line) <= maxBytes) return line;
  return `${cutBytes(line, Math.max(0, maxBytes - 3)).trimEnd()}…`;
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
