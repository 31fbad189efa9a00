/** The store's promises on better-sqlite3; tests/bun and tests/node-sqlite run the same on the other drivers. */
import { describe, expect, it } from 'vitest';
import { betterSqlite3 } from '../../broker/store/drivers/better-sqlite3.ts';
import { storeContract } from './contract.ts';
import { sqliteHost } from './sqlite-host.ts';

const driver = await betterSqlite3();
storeContract({ describe, it, expect }, driver.name, () => sqliteHost(driver));
