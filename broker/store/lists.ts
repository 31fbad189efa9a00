/**
 * Lists of any length in statements of a few texts. Each text is compiled and kept once, so a list's length must not be
 * part of it: whoever sends lists of every length would fill the memory otherwise.
 */
import { PostgresAdapter, type RawBuilder, sql } from 'kysely';
import type { Db } from './unit.ts';

/** The values of a list, bound as one parameter of JSON: `where('id', 'in', anyOf(db, ids))`. */
export function anyOf(db: Db, values: readonly string[]): RawBuilder<string> {
  // a prepared query places a stand-in, which becomes JSON when it is bound
  const bound = Array.isArray(values) ? listParameter(values) : values;
  if (!(db.getExecutor().adapter instanceof PostgresAdapter))
    return sql<string>`(select value from json_each(${bound}))`;
  return sql<string>`(select value from json_array_elements_text(${bound}::json))`;
}

/** {@link anyOf} for numbers of rows. */
export function anyNumberOf(db: Db, values: readonly number[]): RawBuilder<number> {
  const bound = Array.isArray(values) ? listParameter(values) : values;
  if (!(db.getExecutor().adapter instanceof PostgresAdapter))
    return sql<number>`(select value from json_each(${bound}))`;
  return sql<number>`(select value::bigint from json_array_elements_text(${bound}::json))`;
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
