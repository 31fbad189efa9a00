/** Opening and migrating with bun:sqlite. */
import { describe, expect, it } from 'bun:test';
import { bunSqlite } from '../../broker/store/drivers/bun-sqlite.ts';
import { openingContract } from '../store/opening.ts';

openingContract({ describe, it, expect }, await bunSqlite());
