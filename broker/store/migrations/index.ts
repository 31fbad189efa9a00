/** Every migration in its order. A number once released never changes its content. */
import type { Kysely } from 'kysely';
import type { EngineName } from '../unit.ts';
import * as foundation from './0001-foundation.ts';

export interface Migration {
  readonly id: number;
  readonly name: string;
  up(db: Kysely<never>, engine: EngineName): Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [{ id: 1, name: 'foundation', up: foundation.up }];
