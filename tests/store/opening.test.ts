/** Opening and migrating with better-sqlite3; tests/bun and tests/node-sqlite do the same with the other drivers. */
import { describe, expect, it } from 'vitest';
import { betterSqlite3 } from '../../broker/store/drivers/better-sqlite3.ts';
import { openingContract } from './opening.ts';

openingContract({ describe, it, expect }, await betterSqlite3());
