/** The store's promises on better-sqlite3; tests/bun runs the same on bun:sqlite. */
import { describe, expect, it } from 'vitest';
import { storeContract } from './contract.ts';
import { sqliteHost } from './sqlite-host.ts';

storeContract({ describe, it, expect }, 'better-sqlite3', sqliteHost);
