/** The store's promises on bun:sqlite. */
import { describe, expect, it } from 'bun:test';
import { bunSqlite } from '../../broker/store/drivers/bun-sqlite.ts';
import { storeContract } from '../store/contract.ts';
import { sqliteHost } from '../store/sqlite-host.ts';

const driver = await bunSqlite();
storeContract({ describe, it, expect }, driver.name, () => sqliteHost(driver));
