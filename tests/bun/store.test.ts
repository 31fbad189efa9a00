/** The store's promises on bun:sqlite. */
import { describe, expect, it } from 'bun:test';
import { storeContract } from '../store/contract.ts';
import { sqliteHost } from '../store/sqlite-host.ts';

storeContract({ describe, it, expect }, 'bun:sqlite', sqliteHost);
