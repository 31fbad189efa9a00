/** JSON that is safe to look at: the text is whole, and no terminal takes any part of it for a command. */

// JSON.stringify escapes C0 only: DEL, C1 controls, bidi marks and overrides, and U+2028/9 are left to do here
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One JSON document; parsing it gives back exactly what went in. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
