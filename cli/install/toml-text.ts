/**
 * Changes to TOML text that leave every other byte where it is. Tables are added at the end, where TOML always takes
 * them, and cut out by the lines on which the parser found them.
 */
import { isDeepStrictEqual } from 'node:util';
import { type AST, getStaticTOMLValue, parseTOML } from 'toml-eslint-parser';
import { PeersError } from '../../shared/errors.ts';

export type Key = string | number;

/** A part of the text with the whole path of what it defines. */
export interface Part {
  readonly path: readonly Key[];
  readonly node: AST.TOMLTable | AST.TOMLKeyValue;
}

export interface TomlText {
  readonly value: Record<string, unknown>;
  /** Tables, then the keys of each, in the order in which they stand. */
  readonly parts: readonly Part[];
}

/** @param what how to name the text in an error: the file's path */
export function readToml(text: string, what: string): TomlText {
  let program: AST.TOMLProgram;
  try {
    program = parseTOML(text.replace(/^\ufeff/, ' '), { tomlVersion: '1.1' });
  } catch (error) {
    const at = (error as { lineNumber?: number }).lineNumber;
    const why = `${error instanceof Error ? error.message : String(error)}${at === undefined ? '' : `, line ${at}`}`;
    throw new PeersError(
      'config_unreadable',
      `${what} is not valid TOML (${why}); it was left as it is.`,
      'Correct it, then run the same command again.',
      { cause: error },
    );
  }
  const parts = program.body[0].body.flatMap((node) =>
    node.type === 'TOMLTable' ? partsOf(node) : [keyPart([], node)],
  );
  return { value: getStaticTOMLValue(program) as Record<string, unknown>, parts };
}

function partsOf(table: AST.TOMLTable): Part[] {
  return [{ path: table.resolvedKey, node: table }, ...table.body.map((node) => keyPart(table.resolvedKey, node))];
}

function keyPart(table: readonly Key[], node: AST.TOMLKeyValue): Part {
  const names = node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
  return { path: [...table, ...names], node };
}

export function startsWith(path: readonly Key[], prefix: readonly Key[]): boolean {
  return prefix.every((key, index) => path[index] === key);
}

export function samePath(left: readonly (string | number)[], right: readonly (string | number)[]): boolean {
  return left.length === right.length && startsWith(left, right);
}

/** Adds lines at the end, behind an empty one. */
export function appendLines(text: string, lines: readonly string[]): string {
  const eol = eolOf(text);
  const ended = text === '' || text.endsWith('\n') ? text : text + eol;
  const gap = text.trim() === '' ? '' : eol;
  return `${ended}${gap}${lines.join(eol)}${eol}`;
}

/** Puts lines behind the last line of a table or key. */
export function insertLinesAfter(
  text: string,
  node: AST.TOMLTable | AST.TOMLKeyValue,
  lines: readonly string[],
): string {
  const eol = eolOf(text);
  const end = lineEnd(text, node.range[1]);
  const head = text.slice(0, end);
  return `${head}${head.endsWith('\n') ? '' : eol}${lines.join(eol)}${eol}${text.slice(end)}`;
}

export function replaceRange(text: string, [from, to]: readonly [number, number], replacement: string): string {
  return text.slice(0, from) + replacement + text.slice(to);
}

/** Cuts out whole lines of tables and keys, each with the one empty line before it. */
export function cutParts(text: string, parts: readonly Part[]): string {
  const lines = parts.map(({ node }) => linesOf(text, node));
  const outermost = lines.filter(
    ([from, to]) => !lines.some((one) => one[0] <= from && to <= one[1] && one[1] - one[0] > to - from),
  );
  // from the end, so that the places of those before stay what they are
  return outermost
    .sort((a, b) => b[0] - a[0])
    .reduce((rest, [from, to]) => rest.slice(0, startBeforeGap(rest, from)) + rest.slice(to), text);
}

/**
 * Makes sure that a change did what it was meant to and nothing else.
 * @throws PeersError `config_conflict` where the file is laid out in a way that the change does not fit
 */
export function assertOnly(
  before: string,
  after: string,
  own: (value: Record<string, unknown>) => unknown,
  what: string,
) {
  const same = fitting(what, () =>
    isDeepStrictEqual(own(readToml(before, what).value), own(readToml(after, what).value)),
  );
  if (!same) throw noPlace(what);
}

/** Runs steps of a change to a file that was valid: where they make it invalid, they do not fit its layout. */
export function fitting<T>(what: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    throw error instanceof PeersError ? noPlace(what) : error;
  }
}

export function noPlace(what: string): PeersError {
  return new PeersError(
    'config_conflict',
    `${what} was left as it is: the way it is laid out leaves no safe place for the entry of agent-peers.`,
    'Write [mcp_servers.NAME] and [[hooks.EVENT]] as tables of their own, then run the same command again.',
  );
}

function eolOf(text: string): string {
  const first = text.indexOf('\n');
  return first > 0 && text[first - 1] === '\r' ? '\r\n' : '\n';
}

function linesOf(text: string, node: Part['node']): readonly [number, number] {
  return [text.lastIndexOf('\n', node.range[0] - 1) + 1, lineEnd(text, node.range[1])];
}

function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

function startBeforeGap(text: string, start: number): number {
  const before = text.slice(0, start);
  const gap = /(?:^|\n)(\r?\n)$/.exec(before);
  return gap ? start - (gap[1]?.length ?? 0) : start;
}
