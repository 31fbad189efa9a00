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
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new PeersError(
      'database_driver_missing',
      `There is no driver for SQLite: Node ${process.versions.node} brings none, and better-sqlite3 does not load (${why}).`,
      'Use Node 22.13 or newer, or install agent-peers-mcp again in a way that runs the install script of better-sqlite3.',
      { cause: error },
    );
  }
}
