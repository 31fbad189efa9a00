/** Opening and migrating with better-sqlite3; tests/bun does the same with bun:sqlite. */
import { describe, expect, it } from 'vitest';
import { openingContract } from './opening.ts';

openingContract({ describe, it, expect }, 'better-sqlite3');
