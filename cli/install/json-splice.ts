/** Puts a value into a list or object of a JSON text, and cuts one out: only commas and the value itself change. */
import type { DocumentNode } from '@humanwhocodes/momoa';
import { type Container, commaBetween, itemsOf, rangeOf } from './json-nodes.ts';
import { indentAt, itemIndent, render, styleOf } from './json-style.ts';

/** Adds a member, or with no key an item, behind the last one. */
export function insert(
  text: string,
  document: DocumentNode,
  container: Container,
  key: string | undefined,
  value: unknown,
): string {
  const [start, end] = rangeOf(container);
  const close = end - 1;
  const last = itemsOf(container).at(-1);
  const style = styleOf(text);
  const name = key === undefined ? '' : `${JSON.stringify(key)}:`;
  const lines =
    last === undefined ? style.multiline || container === document.body : text.slice(start, close).includes('\n');
  const outer = indentAt(text, start);
  const inner =
    last === undefined ? outer + style.indent : (itemIndent(text, rangeOf(last)[0]) ?? outer + style.indent);
  const spaced = lines || style.spaced;
  const item = `${name}${name !== '' && spaced ? ' ' : ''}${render(value, style, inner, lines)}`;

  const lastEnd = last === undefined ? start + 1 : rangeOf(last)[1];
  const comma = last === undefined ? undefined : commaBetween(document, lastEnd, close);
  const head = text.slice(0, lastEnd) + (last === undefined || comma !== undefined ? '' : ',');
  const tail = text.slice(lastEnd, close);
  if (tail.trim() === '' && last === undefined) {
    const own = lines ? `${style.eol}${inner}${item}${style.eol}${outer}` : item;
    return head + own + text.slice(close);
  }
  const lastLine = tail.lastIndexOf('\n');
  if (lines && lastLine >= 0 && tail.slice(lastLine).trim() === '') {
    const stop = tail[lastLine - 1] === '\r' ? lastLine - 1 : lastLine;
    return `${head}${tail.slice(0, stop)}${style.eol}${inner}${item}${tail.slice(stop)}${text.slice(close)}`;
  }
  const kept = tail.trimEnd();
  const gap = tail.slice(kept.length);
  const own = lines ? `${style.eol}${inner}${item}${style.eol}${outer}` : `${style.spaced ? ' ' : ''}${item}${gap}`;
  return head + kept + own + text.slice(close);
}

/** Cuts out the item at the index; the comma that kept it apart goes with it. */
export function cut(text: string, document: DocumentNode, container: Container, index: number): string {
  const items = itemsOf(container);
  const [start, end] = rangeOf(items[index]);
  const previous = items[index - 1];
  const next = items[index + 1];
  const commaBehind = commaBetween(document, end, next ? rangeOf(next)[0] : rangeOf(container)[1]);
  let from = start;
  let to = commaBehind === undefined ? end : commaBehind + 1;
  const lineStart = text.lastIndexOf('\n', from - 1) + 1;
  const lineEnd = text.indexOf('\n', to);
  const aloneBefore = text.slice(lineStart, from).trim() === '';
  const aloneBehind = lineEnd >= 0 && text.slice(to, lineEnd).trim() === '';
  if (aloneBefore && aloneBehind) {
    from = lineStart;
    to = lineEnd + 1;
  } else {
    while (text[to] === ' ' && next) to += 1;
    while (text[from - 1] === ' ' && !next) from -= 1;
  }
  const rest = text.slice(to);
  // a comma stood before the last item only because the item followed
  const commaBefore =
    previous && !next && commaBehind === undefined ? commaBetween(document, rangeOf(previous)[1], start) : undefined;
  if (commaBefore === undefined) return text.slice(0, from) + rest;
  return text.slice(0, commaBefore) + text.slice(commaBefore + 1, from) + rest;
}
