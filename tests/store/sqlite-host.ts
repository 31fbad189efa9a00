/** A SQLite file in a folder of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../broker/store/sqlite.ts';
import type { StoreHost } from './world.ts';

export function sqliteHost(): StoreHost {
  const folder = mkdtempSync(join(tmpdir(), 'agent-peers-store-'));
  return {
    open: (now) => openSqlite(join(folder, 'peers.db'), { now, backups: join(folder, 'backups') }),
    end: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
