/** Cuts texts to size as the model gets them: rendering makes every line of a peer's text longer than it was sent. */
import { byteLength } from '../shared/text.ts';

/**
 * The longest head of a text that fits as it is rendered; it never ends within a character.
 * @param render makes at least a byte of each UTF-16 unit, and never less of a longer head
 */
export function headThatFits(text: string, maxBytes: number, render: (head: string) => string): string {
  let fitting = 0;
  let tooLong = Math.min(text.length, maxBytes) + 1;
  while (tooLong - fitting > 1) {
    const middle = Math.floor((fitting + tooLong) / 2);
    if (byteLength(render(text.slice(0, middle))) <= maxBytes) fitting = middle;
    else tooLong = middle;
  }
  const endsInHalf = /[\ud800-\udbff]/.test(text.charAt(fitting - 1)) && fitting < text.length;
  return text.slice(0, endsInHalf ? fitting - 1 : fitting);
}
