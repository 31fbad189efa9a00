/** bun:sqlite as a driver. */
import { describe, expect, it } from 'bun:test';
import { bunSqlite } from '../../broker/store/drivers/bun-sqlite.ts';
import { driverContract } from '../store/driver-contract.ts';

driverContract({ describe, it, expect }, await bunSqlite());
