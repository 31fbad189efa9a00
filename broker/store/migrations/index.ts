/** Every migration in its order. A number once released never changes its content. */
import type { Kysely } from 'kysely';
import * as foundation from './0001-foundation.ts';
import * as idleWatches from './0002-idle-watches.ts';

export interface Migration {
  readonly id: number;
  readonly name: string;
  up(db: Kysely<never>): Promise<void>;
}

export const MIGRATIONS: readonly Migration[] = [
  { id: 1, name: 'foundation', up: foundation.up },
  { id: 2, name: 'idle-watches', up: idleWatches.up },
];
