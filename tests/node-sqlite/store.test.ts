/** The store's promises on node:sqlite. */
import { describe, expect, it } from 'vitest';
import { storeContract } from '../store/contract.ts';
import { sqliteHost } from '../store/sqlite-host.ts';
import { driver } from './driver.ts';

storeContract({ describe, it, expect }, driver.name, () => sqliteHost(driver));
