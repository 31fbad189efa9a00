/**
 * Which driver opens the SQLite file: the one that the runtime brings, since it needs no install script and fits every
 * version of the runtime. Each of them opens what another has written.
 */
import { PeersError } from '../../../shared/errors.ts';
import { betterSqlite3 } from './better-sqlite3.ts';
import { bunSqlite } from './bun-sqlite.ts';
import type { SqliteDriver } from './connection.ts';
import { nodeSqlite } from './node-sqlite.ts';

/** @throws PeersError `database_driver_missing` */
export async function chooseDriver(): Promise<SqliteDriver> {
  if (process.versions['bun']) return bunSqlite();
  const own = nodeSqlite();
  if (own) return own;
  try {
    return await betterSqlite3();
  } catch (error) {
    throw new PeersError(
      'database_driver_missing',
      `There is no driver for SQLite: Node ${process.versions.node} brings none, and better-sqlite3 does not load (${reason(error)}).`,
      'Use Node 22.13 or newer, which needs none, or run: npm install --global --ignore-scripts=false agent-peers-mcp',
      { cause: error },
    );
  }
}

/** In one line, without the list of all places that were looked at. */
function reason(error: unknown): string {
  const [what = ''] = String(error instanceof Error ? error.message : error).split('\n →');
  return what.replace(/\s+/g, ' ').replace(/[.:]? ?(?:Tried:)?$/, '');
}
