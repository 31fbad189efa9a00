/** A SQLite file in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SqliteDriver } from '../../broker/store/drivers/connection.ts';
import { openSqlite } from '../../broker/store/sqlite.ts';
import type { StoreHost } from './world.ts';

/** @param driver this runtime's own choice where none is named */
export function sqliteHost(driver?: SqliteDriver): StoreHost {
  const folder = mkdtempSync(join(tmpdir(), 'agent-peers-store-'));
  return {
    open: (now) =>
      openSqlite(join(folder, 'peers.db'), { now, backups: join(folder, 'backups'), ...(driver ? { driver } : {}) }),
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
