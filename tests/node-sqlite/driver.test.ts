/** node:sqlite as a driver. */
import { describe, expect, it } from 'vitest';
import { driverContract } from '../store/driver-contract.ts';
import { driver } from './driver.ts';

driverContract({ describe, it, expect }, driver);
