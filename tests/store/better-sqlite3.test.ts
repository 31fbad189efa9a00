/** better-sqlite3 as a driver; tests/bun and tests/node-sqlite hold the same of the others. */
import { describe, expect, it } from 'vitest';
import { betterSqlite3 } from '../../broker/store/drivers/better-sqlite3.ts';
import { driverContract } from './driver-contract.ts';

driverContract({ describe, it, expect }, await betterSqlite3());
