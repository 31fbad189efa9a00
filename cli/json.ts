/** JSON that is safe to look at: the text is whole, and no terminal takes any part of it for a command. */

// JSON.stringify escapes C0 and lone surrogates only: whatever else controls, hides or turns text around is left to do
const UNSAFE = /[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/gu;

/** One JSON document, indented; parsing it gives back exactly what went in. */
export function safeJson(value: unknown): string {
  // the line breaks of the indentation are no part of any string
  return JSON.stringify(value, null, 2).replace(UNSAFE, (char) => (char === '\n' ? char : escaped(char)));
}

/** {@link safeJson} on one line. */
export function safeJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escaped);
}

function escaped(char: string): string {
  return Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  );
}
