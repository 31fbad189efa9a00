/**
 * Changes to JSON text (with comments where its reader takes them) that leave every other byte where it is: momoa says
 * where the parts are, and only commas and the parts themselves are put in or cut out.
 */
import { isDeepStrictEqual } from 'node:util';
import { evaluate, type ValueNode } from '@humanwhocodes/momoa';
import {
  BOM,
  blank,
  childOf,
  indexOf,
  isContainer,
  itemsOf,
  nodeAt,
  type Path,
  parseObject,
  rangeOf,
  shape,
} from './json-nodes.ts';
import { cut, insert } from './json-splice.ts';
import { indentAt, render, styleOf } from './json-style.ts';

export type { Path } from './json-nodes.ts';

/** @param what how to name the text in an error: the file's path */
export function readJson(text: string, what: string): Record<string, unknown> {
  if (blank(text)) return {};
  return evaluate(parseObject(text, what).root) as Record<string, unknown>;
}

/** The value at the path, or undefined. */
export function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return at;
}

/** Sets one value; objects on the way are made where they are missing. The same value again changes nothing. */
export function setValue(text: string, path: Path, value: unknown, what: string): string {
  if (text.startsWith(BOM)) return BOM + setValue(text.slice(1), path, value, what);
  if (blank(text)) return `${JSON.stringify(nest(path, value), null, 2)}\n`;
  const parsed = parseObject(text, what);
  let at: ValueNode = parsed.root;
  for (const [depth, key] of path.entries()) {
    const child: ValueNode | undefined = childOf(at, key);
    if (child === undefined) {
      if (at.type !== 'Object' || typeof key !== 'string') throw shape(what, path.slice(0, depth));
      return insert(text, parsed.document, at, key, nest(path.slice(depth + 1), value));
    }
    at = child;
  }
  if (isDeepStrictEqual(evaluate(at), value)) return text;
  const [start, end] = rangeOf(at);
  const style = styleOf(text);
  return text.slice(0, start) + render(value, style, indentAt(text, start), style.multiline) + text.slice(end);
}

/** Adds an item to the list at the path, which is made where it is missing. */
export function appendItem(text: string, path: Path, item: unknown, what: string): string {
  if (text.startsWith(BOM)) return BOM + appendItem(text.slice(1), path, item, what);
  if (blank(text)) return setValue(text, path, [item], what);
  const parsed = parseObject(text, what);
  const list = nodeAt(parsed.root, path);
  if (list === undefined) return setValue(text, path, [item], what);
  if (list.type !== 'Array') throw shape(what, path);
  return insert(text, parsed.document, list, undefined, item);
}

/** Cuts out the value at the path, and what held nothing else; `keep` parts of the path stay even when empty. */
export function removeValue(text: string, path: Path, what: string, keep = 0): string {
  if (text.startsWith(BOM)) return BOM + removeValue(text.slice(1), path, what, keep);
  if (blank(text)) return text;
  const { document, root } = parseObject(text, what);
  const container = nodeAt(root, path.slice(0, -1));
  const key = path.at(-1);
  if (container === undefined || key === undefined || !isContainer(container)) return text;
  const index = indexOf(container, key);
  if (index < 0) return text;
  if (itemsOf(container).length === 1 && path.length - 1 > keep) {
    return removeValue(text, path.slice(0, -1), what, keep);
  }
  return cut(text, document, container, index);
}

function nest(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}
