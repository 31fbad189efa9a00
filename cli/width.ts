/**
 * How many columns text takes on a terminal. Where terminals disagree the larger number is taken: text that ends early
 * is harmless, text that wraps by itself could begin a line of its own.
 */

/** Scripts and punctuation that every terminal shows in one column a character at most; all others may take two. */
const NARROW =
  /^[\p{M}\p{Cf}\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Armenian}\p{sc=Georgian}\p{sc=Hebrew}\p{sc=Arabic}\p{sc=Syriac}\p{sc=Thaana}\p{sc=Devanagari}\p{sc=Bengali}\p{sc=Gurmukhi}\p{sc=Gujarati}\p{sc=Oriya}\p{sc=Tamil}\p{sc=Telugu}\p{sc=Kannada}\p{sc=Malayalam}\p{sc=Sinhala}\p{sc=Thai}\p{sc=Lao}\p{sc=Tibetan}\p{sc=Ethiopic}\u00a0-\u00ff\u2010-\u2027]$/u;
/** Among those, the ones that are wide all the same: full-width Latin, and what emoji fonts draw. */
const WIDE = /^[\uff00-\uffef\p{Extended_Pictographic}]$/u;

function charWidth(char: string): number {
  if (char >= ' ' && char <= '~') return 1;
  return NARROW.test(char) && !WIDE.test(char) ? 1 : 2;
}

export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** As many characters from the beginning as fit into `width` columns. */
function fitting(chars: readonly string[], width: number): number {
  let used = 0;
  let count = 0;
  for (const char of chars) {
    used += charWidth(char);
    if (used > width) break;
    count += 1;
  }
  return count;
}

/** The text in at most `width` columns, with … where its end, or its beginning, was left out. */
export function cut(text: string, width: number, keep: 'start' | 'end' = 'start'): string {
  if (displayWidth(text) <= width) return text;
  const chars = [...text];
  if (keep === 'end') {
    const kept = fitting(chars.toReversed(), width - 1);
    return `…${chars.slice(chars.length - kept).join('')}`;
  }
  const kept = fitting(chars, width - 1);
  return `${chars.slice(0, kept).join('').trimEnd()}…`;
}

/** The lines of the text, none wider than `width`, broken at spaces where there are any. */
export function wrap(text: string, width: number): string[] {
  return text
    .replaceAll('\t', '    ')
    .split('\n')
    .flatMap((line) => wrapLine(line, width));
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = [...line];
  for (;;) {
    // at least one character a line, or a terminal of one column would never be done
    const count = Math.max(1, fitting(rest, width));
    if (count >= rest.length) return [...lines, rest.join('')];
    const space = rest.lastIndexOf(' ', count);
    const end = space > 0 ? space : count;
    lines.push(rest.slice(0, end).join(''));
    rest = rest.slice(space > 0 ? end + 1 : end);
  }
}
