/** How a JSON text is laid out, and how something new is written into it in the same way. */

interface Style {
  readonly eol: string;
  readonly indent: string;
  readonly multiline: boolean;
  /** On one line, there is a space after a colon. */
  readonly spaced: boolean;
}

export function styleOf(text: string): Style {
  const firstBreak = text.indexOf('\n');
  const indent = /\n([ \t]+)["[{]/.exec(text)?.[1] ?? '  ';
  const trimmed = text.trim();
  return {
    eol: firstBreak > 0 && text[firstBreak - 1] === '\r' ? '\r\n' : '\n',
    indent,
    multiline: trimmed.includes('\n') || trimmed === '{}',
    spaced: /":\s/.test(text),
  };
}

export function render(value: unknown, style: Style, indent: string, lines: boolean): string {
  if (!lines) return style.spaced ? JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ') : JSON.stringify(value);
  return JSON.stringify(value, null, style.indent).replaceAll('\n', style.eol + indent);
}

/** White space at the beginning of the line. */
export function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';
}

/** The same, where the item is the first thing on its line. */
export function itemIndent(text: string, offset: number): string | undefined {
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return before.trim() === '' ? before : undefined;
}
