/** Brings a database to this version's schema: each step in a transaction of its own, after a backup copy. */
import { type Kysely, sql } from 'kysely';
import { PeersError } from '../../shared/errors.ts';
import { MIGRATIONS, type Migration } from './migrations/index.ts';
import type { Database } from './schema.ts';
import type { EngineName } from './unit.ts';

export interface MigrateOptions {
  readonly now: number;
  readonly engine: EngineName;
  readonly migrations?: readonly Migration[];
  /** Copies the database before the first step that changes one with content; gets the schema number it has. */
  backup(schema: number): Promise<void>;
}

/**
 * Reads the schema number of a database and changes nothing.
 * @throws PeersError `database_from_future` for a schema newer than this program knows, `database_damaged` for tables
 * of another program
 */
export async function knownSchema(
  db: Kysely<Database>,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<number> {
  const newest = migrations.at(-1)?.id ?? 0;
  const current = await schemaNumber(db);
  if (current > newest) {
    throw new PeersError(
      'database_from_future',
      `The database has schema ${current}; this version of agent-peers knows schemas up to ${newest}.`,
      'Update agent-peers, or set AGENT_PEERS_DB to another file. The database was not changed.',
    );
  }
  return current;
}

/**
 * @returns the schema number reached
 * @throws PeersError as {@link knownSchema}; nothing was changed
 */
export async function migrate(db: Kysely<Database>, options: MigrateOptions): Promise<number> {
  const migrations = options.migrations ?? MIGRATIONS;
  const newest = migrations.at(-1)?.id ?? 0;
  const current = await knownSchema(db, migrations);
  const pending = migrations.filter(({ id }) => id > current);
  if (pending.length > 0 && current > 0) await options.backup(current);
  for (const migration of pending) {
    const step = db.transaction().execute(async (trx) => {
      await sql`create table if not exists migrations (id integer primary key, name text not null, applied_at bigint not null)`.execute(
        trx,
      );
      // the number goes in first: of two brokers that race, one fails here and changes nothing
      await trx
        .insertInto('migrations')
        .values({ id: migration.id, name: migration.name, applied_at: options.now })
        .execute();
      await migration.up(trx as unknown as Kysely<never>, options.engine);
    });
    await step.catch(async (error: unknown) => {
      // a faster one did just what we were about to do
      if ((await schemaNumber(db)) < migration.id) throw error;
    });
  }
  return newest;
}

async function schemaNumber(db: Kysely<Database>): Promise<number> {
  const tables = await db.introspection.getTables();
  if (!tables.some(({ name }) => name === 'migrations')) {
    if (tables.length === 0) return 0;
    throw new PeersError(
      'database_damaged',
      'The database holds tables that are not from agent-peers.',
      'Another program of this name may have made it: move the file away, or set AGENT_PEERS_DB. It was not changed.',
    );
  }
  const row = await db
    .selectFrom('migrations')
    .select(({ fn }) => fn.max('id').as('id'))
    .executeTakeFirst();
  return Number(row?.id ?? 0);
}
