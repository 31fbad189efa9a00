/**
 * Lists of any length in statements of a few texts. Each text is compiled and kept once, so a list's length must not be
 * part of it: whoever sends lists of every length would fill the memory otherwise.
 */
import { sql } from 'kysely';

/**
 * The values of a list, bound as one parameter: `where('id', 'in', anyOf(ids))`.
 * PostgreSQL would have `select unnest(…)` here.
 */
export function anyOf<T extends string | number>(values: readonly T[]) {
  // a prepared query places a stand-in, which becomes JSON when it is bound
  const bound = Array.isArray(values) ? listParameter(values) : values;
  return sql<T>`(select value from json_each(${bound}))`;
}

export function listParameter(values: readonly unknown[]): string {
  return JSON.stringify(values);
}

/** Rows that one insert takes: powers of two, so that any number of rows needs few inserts, and those have few texts. */
const CHUNK_MAX = 256;

export function isChunk(rows: number): boolean {
  return rows >= 1 && rows <= CHUNK_MAX && (rows & (rows - 1)) === 0;
}

/** The same rows in the same order, in chunks that fit {@link isChunk}. */
export function chunks<T>(rows: readonly T[]): T[][] {
  const cut: T[][] = [];
  for (let at = 0; at < rows.length; ) {
    const size = Math.min(CHUNK_MAX, 2 ** Math.floor(Math.log2(rows.length - at)));
    cut.push(rows.slice(at, at + size));
    at += size;
  }
  return cut;
}
