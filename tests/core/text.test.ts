/** Text of peers: nothing in it drives a terminal, hides from its reader, or is cut in half. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength, cleanLine, cleanText, cutBytes, previewLine } from '../../shared/text.ts';

const DANGEROUS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/u;

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
    ['a colour by C1', 'a\u009b31mred', 'ared'],
    ['a window title', 'a\u001b]0;owned\u0007b', 'ab'],
    ['a title ended by ST', 'a\u001b]2;owned\u001b\\b', 'ab'],
    ['a title by C1', 'a\u009d0;owned\u009cb', 'ab'],
    ['a clipboard write', 'a\u001b]52;c;ZXZpbA==\u0007b', 'ab'],
    ['a device control string', 'a\u001bP1$q\u001b\\b', 'ab'],
    ['cleared screen and cursor', '\u001b[2J\u001b[Hok', 'ok'],
    ['a full reset', 'a\u001bcb', 'ab'],
    ['a character set', 'a\u001b(0b', 'ab'],
    ['an unfinished sequence', 'a\u001b[31', 'a'],
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
        expect(cleanText(text)).not.toMatch(DANGEROUS);
      }),
      { numRuns: 5_000 },
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
        fc.pre(!DANGEROUS.test(text));
        expect(cleanText(text)).toBe(text);
      }),
    );
  });

  it('is done in time on text made to be slow', () => {
    const traps = ['\u001b]', '\u001b[', '\u001b[0;', '\u001b', '\u009d', '\r', '\u001b[ '];
    const start = performance.now();
    for (const trap of traps) cleanText(trap.repeat(64 * 1024));
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
