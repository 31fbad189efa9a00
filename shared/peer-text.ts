/**
 * What another agent wrote or says of itself: a message's text, a summary, a directory, an error it reports. It is
 * data, and reaches a reader only through the function below that is made for that reader.
 */
import { cleanLine, cleanText, cutBytes, previewLine } from './text.ts';

declare const peerWords: unique symbol;

/**
 * A string of a peer. To TypeScript it is a symbol, the only primitive that cannot stand in a template or be joined to a
 * string: whoever forgets to clean it gets a compile error. At run time it is a plain string.
 */
export type PeerText = symbol & { readonly [peerWords]: true };

/** Marks a string as a peer's. */
export function peerText(text: string): PeerText {
  return text as unknown as PeerText;
}

/** The string as it is: to store, compare and measure it, never to show it. */
export function rawText(text: PeerText): string {
  return text as unknown as string;
}

export function isEmpty(text: PeerText): boolean {
  return rawText(text) === '';
}

/** The head of the text, at most `maxBytes` of UTF-8. */
export function cut(text: PeerText, maxBytes: number): PeerText {
  return peerText(cutBytes(rawText(text), maxBytes));
}

/** The peer's words as a preview on one line, still to be cleaned for its reader. */
export function preview(text: PeerText, maxBytes: number): PeerText {
  return peerText(previewLine(rawText(text), maxBytes));
}

/** For a model, in a tool response: cleaned, with its line breaks. The caller puts every line behind `> `. */
export function forModel(text: PeerText): string {
  return cleanText(rawText(text));
}

/** For a model, on one line, cut to `maxBytes` with an ellipsis. The caller puts it behind `> ` or a heading of ours. */
export function forModelLine(text: PeerText, maxBytes = Number.POSITIVE_INFINITY): string {
  return previewLine(rawText(text), maxBytes);
}

/** For a model, within a sentence of ours: one line in double quotes, which it cannot end. */
export function inQuotes(text: PeerText, maxBytes = Number.POSITIVE_INFINITY): string {
  return `"${forModelLine(text, maxBytes).replaceAll('"', "'")}"`;
}

/**
 * For a client that frames what its model sees with tags (channel events, messages from other sessions, hooks): takes
 * cleaned text. No `<` of a peer arrives as one, since no list of the tags that clients use stays complete.
 */
export function forTaggedFrame(cleaned: string): string {
  return cleaned.replaceAll('<', '&lt;');
}

/** For a model, as structured data: every string in it cleaned, whatever its place. */
export function forModelData<T>(data: T): T {
  return cleaned(data) as T;
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleaned(item)]));
}

/** For a terminal: cleaned, with its line breaks. The caller puts every line behind a bar. */
export function forTerminal(text: PeerText): string {
  return cleanText(rawText(text));
}

/** For a terminal, on one line. */
export function forTerminalLine(text: PeerText | string): string {
  return cleanLine(typeof text === 'string' ? text : rawText(text));
}
