/** Opening and migrating with bun:sqlite. */
import { describe, expect, it } from 'bun:test';
import { openingContract } from '../store/opening.ts';

openingContract({ describe, it, expect }, 'bun:sqlite');
