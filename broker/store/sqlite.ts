/** Opens the SQLite file. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CompiledQuery, Kysely, SqliteDialect } from 'kysely';
import { PeersError } from '../../shared/errors.ts';
import { chooseDriver } from './drivers/choose.ts';
import { keepPrepared, type SqliteConnection, type SqliteDriver } from './drivers/connection.ts';
import { Guard, type Loss } from './guard.ts';
import { knownSchema, migrate } from './migrate.ts';
import type { Migration } from './migrations/index.ts';
import { type Open, rescue } from './rescue.ts';
import type { Database } from './schema.ts';
import { identityOf, isSame, SqliteFiles } from './sqlite-files.ts';
import { storageError } from './storage-error.ts';
import type { DatabaseFacts, Engine } from './store.ts';
import type { Db } from './unit.ts';

export interface OpenOptions {
  readonly now: number;
  /** Folder for the copy that is made before a migration. */
  readonly backups: string;
  /** Whether anybody still wants what the database holds, should its files be gone one day. */
  isWanted?(): boolean;
  /** Hears when the files are gone, and what became of what they held. */
  onLoss?(loss: Loss): void;
  /** Only tests give their own, here and below. */
  readonly driver?: SqliteDriver;
  readonly migrations?: readonly Migration[];
}

/** Reading all of a larger file would hold up the first session; its damage shows when it is met. */
const CHECKED_AT_START_MAX_BYTES = 64 * 1024 * 1024;
const BUSY_TIMEOUT_MS = 5_000;

/** At once with the right to write: another process on this file is waited for here, and cannot get in between later. */
const BEGIN = CompiledQuery.raw('begin immediate');
const COMMIT = CompiledQuery.raw('commit');
/** Does nothing where SQLite has undone the transaction by itself; see rollbackOnce. */
const ROLLBACK = CompiledQuery.raw('rollback');
const RELAX = CompiledQuery.raw('pragma synchronous = normal');
const RESTORE = CompiledQuery.raw('pragma synchronous = full');

interface Opened {
  readonly driver: string;
  readonly path: string;
  readonly schema: number;
  readonly db: Kysely<Database>;
  readonly connection: SqliteConnection;
  /** Refuses once what is committed would be lost. */
  readonly guard: Guard;
}

class SqliteEngine implements Engine {
  readonly engine = 'sqlite';
  /** One connection: SQLite has one writer. */
  readonly lanes = 1;
  readonly #opened: Opened;
  /** Commits wait for the disk. */
  #durable = true;

  constructor(opened: Opened) {
    this.#opened = opened;
  }

  transaction<T>(durable: boolean, work: (db: Db) => Promise<T>): Promise<T> {
    const { db, guard } = this.#opened;
    return this.#guarded(() =>
      db.connection().execute(async (connection) => {
        if (durable !== this.#durable) {
          await connection.executeQuery(durable ? RESTORE : RELAX);
          this.#durable = durable;
        }
        await connection.executeQuery(BEGIN);
        try {
          const result = await work(connection);
          await connection.executeQuery(COMMIT);
          if (durable) guard.assertInPlace();
          return result;
        } catch (error) {
          await connection.executeQuery(ROLLBACK);
          throw error;
        }
      }),
    );
  }

  read<T>(look: (db: Db) => Promise<T>): Promise<T> {
    return this.#guarded(() => look(this.#opened.db));
  }

  isPassing(error: unknown): boolean {
    return /BUSY|LOCKED/.test(String((error as { code?: unknown })?.code ?? ''));
  }

  fail(thrown: unknown): PeersError {
    return this.#opened.guard.loss ?? storageError(this.#opened.path, thrown);
  }

  async facts(): Promise<DatabaseFacts> {
    const { driver, path, schema, connection } = this.#opened;
    return { driver, bytes: sizeOf(path) + sizeOf(`${path}-wal`), schema, statements: connection.statements() };
  }

  close(): Promise<void> {
    return this.#opened.guard.close();
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    const { guard } = this.#opened;
    guard.assertUsable();
    const result = await work();
    // it may have been saved meanwhile, without what was just noted
    guard.assertUsable();
    return result;
  }
}

/**
 * Opens or makes the database and brings it to the current schema.
 * @throws PeersError `database_damaged`, `database_driver_missing`, `database_from_future`, `database_read_only`,
 *   `storage_full`; the file is left as it was
 */
export async function openSqlite(path: string, options: OpenOptions): Promise<Engine> {
  const driver = options.driver ?? (await chooseDriver());
  try {
    mkdirSync(dirname(path), { recursive: true });
    // made by us, not by SQLite, so that it never exists with a mode that others can read
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    const uid = process.getuid?.();
    const stat = statSync(path);
    if (!stat.isFile()) throw Object.assign(new Error('it is not a file'), { code: 'EISDIR' });
    if (uid !== undefined && stat.uid !== uid) {
      throw new PeersError(
        'database_unsafe',
        `${path} belongs to another user, who could read all mail in it.`,
        'Set AGENT_PEERS_DB to a file in a folder that only you can write, or move that file away.',
      );
    }
    if ((stat.mode & 0o077) !== 0) chmodSync(path, stat.mode & 0o700);
  } catch (error) {
    throw storageError(path, error);
  }
  let connection: SqliteConnection | undefined;
  try {
    await inspect(driver, path, options.migrations);
    const found = identityOf(path);
    const opened = keepPrepared(driver.open(path, { readonly: false }));
    connection = opened;
    opened.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
    opened.exec('pragma foreign_keys = on');
    const db = kysely(opened);
    const schema = await migrate(db, {
      now: options.now,
      engine: 'sqlite',
      ...(options.migrations ? { migrations: options.migrations } : {}),
      backup: async (from) => {
        mkdirSync(options.backups, { recursive: true, mode: 0o700 });
        const stamp = new Date(options.now).toISOString().replace(/[:.]/g, '-');
        const copy = join(options.backups, `schema-${from}-${stamp}.db`);
        opened.prepare('vacuum into ?').run([copy]);
        chmodSync(copy, 0o600);
      },
    });
    // after the migration: a database that is refused must be left exactly as it was
    opened.exec('pragma journal_mode = wal');
    opened.exec('pragma synchronous = full');
    // 16 MB of pages in memory, whatever the driver's own default
    opened.exec('pragma cache_size = -16000');
    // 16 MB of log before it is folded into the file: under load that is work for every few commits otherwise
    opened.exec('pragma wal_autocheckpoint = 4000');
    // changes nothing, and fails where nothing can be changed: better said now than to the first who sends
    opened.exec('update migrations set id = id where false');
    // by now all its files are there
    const files = new SqliteFiles(path);
    if (!isSame(found, identityOf(path))) {
      throw new PeersError(
        'database_gone',
        `${path} was replaced while it was being opened.`,
        'Try again: the file that is there now is used.',
      );
    }
    return new SqliteEngine({
      driver: driver.name,
      path,
      schema,
      db,
      connection: opened,
      guard: guarded(db, files, options),
    });
  } catch (error) {
    connection?.close();
    throw storageError(path, error);
  }
}

/** One connection for all: whoever works outside a transaction waits for its end. */
function guarded(db: Kysely<Database>, files: SqliteFiles, { backups, isWanted, onLoss }: OpenOptions): Guard {
  const { path } = files;
  const open: Open = {
    files,
    copyInto: async (copy) => void (await db.executeQuery(CompiledQuery.raw('vacuum into ?', [copy]))),
    checkpoint: async () => {
      const query = CompiledQuery.raw('pragma wal_checkpoint(truncate)') as CompiledQuery<{ busy: number }>;
      return (await db.executeQuery(query)).rows[0]?.busy === 0;
    },
  };
  return new Guard({
    path,
    backups,
    trouble: () => files.trouble(),
    rescue: async () => {
      try {
        return await rescue(open, backups, new Date());
      } catch (error) {
        throw storageError(path, error);
      }
    },
    close: () => db.connection().execute(() => db.destroy()),
    isWanted: isWanted ?? (() => true),
    onLoss: onLoss ?? (() => {}),
  });
}

function kysely(database: SqliteConnection): Kysely<Database> {
  return new Kysely<Database>({ dialect: new SqliteDialect({ database }) });
}

/**
 * Looks at the database without a right to write: a connection that has it folds the log of a killed broker into the
 * file when it closes, and a file that is refused must be left exactly as it was.
 * @throws PeersError `database_from_future`; `database_damaged`, or SQLite's own word for it
 */
async function inspect(
  driver: SqliteDriver,
  path: string,
  migrations: readonly Migration[] | undefined,
): Promise<void> {
  let connection: SqliteConnection | undefined;
  try {
    connection = keepPrepared(driver.open(path, { readonly: true }));
    connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
    if (sizeOf(path) <= CHECKED_AT_START_MAX_BYTES) {
      const [check] = connection.prepare('pragma quick_check(1)').all([]) as { quick_check: string }[];
      if (check?.quick_check !== 'ok')
        throw Object.assign(new Error(check?.quick_check ?? 'unreadable'), { code: 'SQLITE_CORRUPT' });
    }
    await knownSchema(kysely(connection), migrations);
  } catch (error) {
    const failure = storageError(path, error);
    // only a writer can undo the change of a process that was killed in it; if it cannot either, it says so
    if (failure.code !== 'database_read_only') throw failure;
  } finally {
    connection?.close();
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
