/** The parts of JSON text: what they hold, and where they stand. */
import { type DocumentNode, type Node, type ObjectNode, parse, type ValueNode } from '@humanwhocodes/momoa';
import { PeersError } from '../../shared/errors.ts';

export type Path = readonly (string | number)[];
export type Container = Extract<ValueNode, { type: 'Object' | 'Array' }>;

export const BOM = '\ufeff';

interface Parsed {
  readonly document: DocumentNode;
  readonly root: ObjectNode;
}

export function parseObject(text: string, what: string): Parsed {
  const source = text.startsWith(BOM) ? text.slice(1) : text;
  let document: DocumentNode;
  try {
    document = parse(source, { mode: 'jsonc', ranges: true, tokens: true, allowTrailingCommas: true });
  } catch (error) {
    throw new PeersError(
      'config_unreadable',
      `${what} is not valid JSON (${error instanceof Error ? error.message : String(error)}); it was left as it is.`,
      'Correct it, then run the same command again.',
      { cause: error },
    );
  }
  if (document.body.type !== 'Object') throw shape(what, []);
  return { document, root: document.body };
}

export function shape(what: string, path: Path): PeersError {
  const where = path.length === 0 ? 'it' : `"${path.join('.')}" in it`;
  return new PeersError(
    'config_conflict',
    `${what} was left as it is: ${where} is not of the kind that belongs there.`,
    'Correct it, then run the same command again.',
  );
}

export function nodeAt(root: ValueNode, path: Path): ValueNode | undefined {
  let at: ValueNode | undefined = root;
  for (const key of path) at = at && childOf(at, key);
  return at;
}

export function childOf(node: ValueNode, key: string | number): ValueNode | undefined {
  if (!isContainer(node)) return undefined;
  return itemsOf(node)[indexOf(node, key)]?.value;
}

/** Of a name that stands twice, the last counts, as it does for whoever reads the file. */
export function indexOf(node: Container, key: string | number): number {
  if (node.type === 'Array') return typeof key === 'number' && key < node.elements.length ? key : -1;
  return node.members.findLastIndex(({ name }) => (name.type === 'String' ? name.value : name.name) === key);
}

export function isContainer(node: ValueNode): node is Container {
  return node.type === 'Object' || node.type === 'Array';
}

interface Item extends Pick<Node, 'range'> {
  readonly value: ValueNode;
}

/** Members, or the elements' values: elements themselves carry no range. */
export function itemsOf(node: Container): readonly Item[] {
  return node.type === 'Object' ? node.members : node.elements.map(({ value }) => ({ value, ...rangeIn(value) }));
}

function rangeIn({ range }: Pick<Node, 'range'>): Pick<Node, 'range'> {
  return range === undefined ? {} : { range };
}

export function commaBetween(document: DocumentNode, from: number, to: number): number | undefined {
  const found = document.tokens?.find(
    (token) => token.type === 'Comma' && rangeOf(token)[0] >= from && rangeOf(token)[0] < to,
  );
  return found && rangeOf(found)[0];
}

export function rangeOf(node: Pick<Node, 'range'> | undefined): readonly [number, number] {
  // parsed with `ranges`: every node and token has one
  if (!node?.range) throw new Error('a part of the JSON text has no place in it');
  return [node.range[0], node.range[1]];
}

export function blank(text: string): boolean {
  return text.replace(BOM, '').trim() === '';
}
