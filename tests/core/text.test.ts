/** Text of peers: nothing in it drives a terminal, hides from its reader, or is cut in half. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength, cleanLine, cleanText, cutBytes, previewLine } from '../../shared/text.ts';

/** Whatever controls or hides, by Unicode's own properties, but line break and tab, and what the next pattern allows. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/u;
/** Number signs that are seen, one joiner or selector behind what it shapes. */
const SHAPING = new RegExp(
  [
    '[\\n\\t\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u{110bd}\\u{110cd}]',
    '[\\u200c\\u200d\\ufe0e\\ufe0f\\u180b-\\u180f]',
  ].join('|'),
  'gu',
);

/** Characters that matter here, mixed with all others, also halves of surrogate pairs. */
const piece = fc.oneof(
  fc.constantFrom(
    '\u001b',
    '[',
    ']',
    '0;',
    'm',
    '\u0007',
    '\u009b',
    '\u009d',
    '\u009c',
    '\\',
    '\r',
    '\n',
    '\t',
    '\u0000',
  ),
  fc.constantFrom(
    '\u202e',
    '\u2066',
    '\u200b',
    '\u200d',
    '\u2028',
    '\ufeff',
    '\u{e0041}',
    '\udb40',
    '\udc41',
    'a',
    '🦊',
  ),
  fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  fc.string({ unit: 'binary', maxLength: 3 }),
);
const anyText = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

describe('clean text', () => {
  it.each([
    ['a colour', 'a\u001b[1;31mred\u001b[0m', 'ared'],
    ['a colour by C1, of which only the control goes', 'a\u009b31mred', 'a31mred'],
    ['a window title', 'a\u001b]0;owned\u0007b', 'ab'],
    ['a title ended by ST', 'a\u001b]2;owned\u001b\\b', 'ab'],
    ['a title by C1, of which only the controls go', 'a\u009d0;owned\u009cb', 'a0;ownedb'],
    [
      'quotes in mis-decoded UTF-8',
      'He said \u00e2\u0080\u009cyes\u00e2\u0080\u009d and more',
      'He said \u00e2yes\u00e2 and more',
    ],
    ['a title without its end', 'a\u001b]0;all of this\nis text', 'a0;all of this\nis text'],
    ['a clipboard write', 'a\u001b]52;c;ZXZpbA==\u0007b', 'ab'],
    ['a device control string', 'a\u001bP1$q\u001b\\b', 'ab'],
    ['cleared screen and cursor', '\u001b[2J\u001b[Hok', 'ok'],
    ['a full reset', 'a\u001bcb', 'ab'],
    ['a character set', 'a\u001b(0b', 'ab'],
    ['an unfinished sequence', 'a\u001b[31', 'a31'],
    ['a lone escape at the end', 'a\u001b', 'a'],
    ['a bell and a backspace', 'a\u0007b\u0008c', 'abc'],
    ['NUL and DEL', 'a\u0000b\u007fc', 'abc'],
    ['a line overwritten', 'good\rbad', 'good\nbad'],
    ['Windows line ends', 'a\r\nb', 'a\nb'],
    ['vertical tab and form feed', 'a\u000bb\u000cc', 'a\nb\nc'],
    ['next line and separators', 'a\u0085b\u2028c\u2029d', 'a\nb\nc\nd'],
    ['turned around text', 'a\u202efed\u202cb', 'afedb'],
    ['bidi isolates', 'a\u2066b\u2069c', 'abc'],
    ['bidi marks', 'a\u200eb\u200fc\u061cd', 'abcd'],
    ['zero width', 'a\u200bb\u2060c\ufeffd', 'abcd'],
    ['tag characters', 'a\u{e0001}\u{e0068}\u{e0069}\u{e007f}b', 'ab'],
    ['flags spelled in tag characters', '🏴\u{e0067}\u{e0062}\u{e007f}b', '🏴b'],
    ['soft hyphen and grapheme joiner', 'a\u00adb\u034fc', 'abc'],
    ['Hangul fillers', 'a\u115f\u1160\u3164\uffa0b', 'ab'],
    ['Khmer inherent vowels and unassigned ignorables', 'a\u17b4\u17b5\u2065b', 'ab'],
    ['bits hidden behind digits', '0\ufe0f1\ufe0e0\ufe0f', '010'],
    ['selectors that select nothing', 'a\ufe00\ufe0f\u180b\u{e0100}b', 'ab'],
    ['joiners that join nothing', 'a\u200db\u200cc', 'abc'],
    ['a second joiner', 'می\u200c\u200cخ', 'می\u200cخ'],
    ['emoji with a selector, a keycap, a skin tone', '❤️ 1️⃣ 👩🏽‍🚀', '❤️ 1️⃣ 👩🏽‍🚀'],
    ['Mongolian with its selector', 'ᠠ\u180b', 'ᠠ\u180b'],
    ['Arabic number signs', '\u0600١', '\u0600١'],
    ['annotation characters', 'a\ufff9b\ufffac\ufffbd', 'abcd'],
    ['newline and tab', 'a\n\tb', 'a\n\tb'],
    ['a family, joined by zero width joiners', '👩‍👩‍👧', '👩‍👩‍👧'],
    ['Persian with a non-joiner', 'می‌خواهم', 'می‌خواهم'],
    ['Hebrew and Arabic', 'שלום مرحبا', 'שלום مرحبا'],
  ])('%s', (_, text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  it('never holds a control character but newline and tab, nor anything hidden, whatever came in', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(cleanText(text).replace(SHAPING, '')).not.toMatch(HIDDEN);
      }),
      { numRuns: 5_000 },
    );
  });

  it('removes no text: what stands on a line of its own stays, whatever comes before and after', () => {
    fc.assert(
      fc.property(anyText, anyText, (before, after) => {
        expect(cleanText(`${before}\nthe words\n${after}`)).toContain('the words\n');
      }),
      { numRuns: 2_000 },
    );
  });

  it('removes no text that has no complete control sequence', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const plain = text.replaceAll('\u001b', '').replace(/\s/gu, '');
        expect(cleanText(plain).replace(SHAPING, '')).toBe(
          plain
            .replace(/\p{Surrogate}/gu, '\ufffd')
            .replace(SHAPING, '')
            .replace(/[\p{Cc}\p{Cf}\p{DI}]/gu, ''),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('cleans once: a second pass finds nothing', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const once = cleanText(text);
        expect(cleanText(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves ordinary text alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-composite' }), (text) => {
        fc.pre(!HIDDEN.test(text));
        expect(cleanText(text)).toBe(text);
      }),
    );
  });

  it('is done in time on text made to be slow', () => {
    const traps = [
      '\u001b]',
      '\u001b[',
      '\u001b[0;',
      '\u001b',
      '\u009d',
      '\r',
      '\u001b[ ',
      '\u200d',
      '🏽\u200d',
      '\u180b',
      ' \n',
    ];
    const start = performance.now();
    for (const trap of traps) cleanLine(trap.repeat(64 * 1024));
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('a clean line', () => {
  it('is one line without tabs, and not longer than the text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const line = cleanLine(text);
        expect(line).not.toMatch(/[\n\t]/);
        expect(line).toBe(line.trim());
        expect(line.length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

describe('a cut', () => {
  it('never splits a character, never exceeds the bytes, and is the head of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), fc.nat({ max: 60 }), (text, max) => {
        const head = cutBytes(text, max);
        expect(byteLength(head)).toBeLessThanOrEqual(max);
        expect(text.startsWith(head)).toBe(true);
        // it takes all that fits: the next character would not
        const next = [...text.slice(head.length)][0];
        if (next !== undefined) expect(byteLength(head + next)).toBeGreaterThan(max);
      }),
    );
  });

  it('a preview fits its bytes and says that it was cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.integer({ min: 3, max: 100 }), (text, max) => {
        const preview = previewLine(text, max);
        expect(byteLength(preview)).toBeLessThanOrEqual(max);
        expect(preview.endsWith('…') || preview === cleanLine(text)).toBe(true);
      }),
    );
  });
});
