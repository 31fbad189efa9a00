/** Opening and migrating with node:sqlite. */
import { describe, expect, it } from 'vitest';
import { openingContract } from '../store/opening.ts';
import { driver } from './driver.ts';

openingContract({ describe, it, expect }, driver);
