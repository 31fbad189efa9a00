/** What the program relies on from each SQLite driver beside SQL itself. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, keepPrepared, type SqliteDriver } from '../../broker/store/drivers/connection.ts';
import { storageError } from '../../broker/store/storage-error.ts';
import type { Runner } from './runner.ts';

const LATER = Date.UTC(2040, 0, 1);

/** A folder with one database, and the connections to it. */
class Place {
  readonly #driver: SqliteDriver;
  readonly #open: Connection[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'agent-peers-driver-'));
  readonly path = join(this.folder, 'a name with ?, # and %20.db');

  constructor(driver: SqliteDriver) {
    this.#driver = driver;
    writeFileSync(this.path, '');
  }

  open(options: { readonly?: boolean; path?: string } = {}): Connection {
    const { readonly = false, path = this.path } = options;
    const connection = this.#driver.open(path, { readonly });
    this.#open.push(connection);
    return connection;
  }

  /** A connection to a table with one row. */
  filled(): Connection {
    const connection = this.open();
    connection.exec('create table notes (id integer primary key, at integer, text text unique)');
    connection.exec(`insert into notes (at, text) values (${LATER}, 'first')`);
    return connection;
  }

  end(): void {
    for (const connection of this.#open) connection.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** SQLite's name of what went wrong, then the product's. */
function failureOf(work: () => unknown): string[] {
  try {
    work();
    return [];
  } catch (error) {
    // some drivers name it more closely: SQLITE_CONSTRAINT_UNIQUE
    const [, name] = /^(SQLITE_[A-Z]+)/.exec(String((error as { code?: unknown }).code)) ?? [];
    return [name ?? String(error), storageError('', error).code];
  }
}

export function driverContract({ describe, it, expect }: Runner, driver: SqliteDriver): void {
  const test = (name: string, body: (place: Place) => void) =>
    it(name, async () => {
      const place = new Place(driver);
      try {
        body(place);
      } finally {
        place.end();
      }
    });

  describe(`${driver.name} as a driver`, () => {
    test('tells statements with rows from those without, and counts what the latter change', (place) => {
      const db = place.filled();
      const isReader = (sql: string) => db.prepare(sql).reader;
      expect(
        [
          'select 1',
          '  SELECT text FROM notes',
          'pragma user_version',
          "insert into notes (text) values ('x') returning id",
          'pragma wal_checkpoint(truncate)',
        ].map(isReader),
      ).toEqual([true, true, true, true, true]);
      expect(
        [
          'begin',
          'commit',
          'rollback',
          "insert into notes (text) values ('x')",
          'delete from notes',
          'vacuum into ?',
        ].map(isReader),
      ).toEqual([false, false, false, false, false, false]);
      const insert = db.prepare('insert into notes (text) values (?)');
      for (const text of ['second', 'third']) insert.run([text]);
      expect(Number(db.prepare('update notes set at = 0 where text != ?').run(['second']).changes)).toBe(2);
    });

    test('gives values back as they were given, times and large integers as numbers', (place) => {
      const db = place.filled();
      const insert = db.prepare('insert into notes (at, text) values (?, ?) returning *');
      const given: [number | bigint | null, string | null][] = [
        [LATER, 'Ünïcödé 🙂'],
        [Number.MAX_SAFE_INTEGER, ''],
        [12n, null],
        [null, "quote ' and line\n"],
      ];
      for (const [at, text] of given) {
        const [row] = insert.all([at, text]) as { id: number; at: number; text: string }[];
        expect({ ...row }).toMatchObject({ at: at === null ? null : Number(at), text });
      }
    });

    test('names what went wrong as SQLite does, so that the product says it in its own words', (place) => {
      const db = place.filled();
      expect(failureOf(() => db.exec("insert into notes (text) values ('first')"))).toEqual([
        'SQLITE_CONSTRAINT',
        'internal',
      ]);
      expect(failureOf(() => db.prepare('insert into notes (text) values (?)').run(['first']))).toEqual([
        'SQLITE_CONSTRAINT',
        'internal',
      ]);
      expect(failureOf(() => db.prepare('select nothing'))).toEqual(['SQLITE_ERROR', 'internal']);
      db.exec('pragma max_page_count = 1');
      expect(failureOf(() => db.exec(`insert into notes (text) values ('${'x'.repeat(100_000)}')`))).toEqual([
        'SQLITE_FULL',
        'storage_full',
      ]);
      const readonly = place.open({ readonly: true });
      expect(failureOf(() => readonly.exec('delete from notes'))).toEqual(['SQLITE_READONLY', 'database_read_only']);
      const none = join(place.folder, 'none.db');
      expect(failureOf(() => place.open({ path: none }))).toEqual(['SQLITE_CANTOPEN', 'database_read_only']);
      expect(existsSync(none)).toBe(false);
      const other = join(place.folder, 'other.db');
      writeFileSync(other, 'no database '.repeat(1_000));
      const opened = place.open({ path: other });
      expect(failureOf(() => opened.prepare('select * from sqlite_master').all([]))).toEqual([
        'SQLITE_NOTADB',
        'database_damaged',
      ]);
    });

    test('says that another process is writing, once the time to wait for it is over', (place) => {
      const [db, other] = [place.filled(), place.open()];
      other.exec('pragma busy_timeout = 10');
      db.exec('begin immediate');
      expect(failureOf(() => other.prepare('begin immediate').run([]))).toEqual(['SQLITE_BUSY', 'internal']);
      db.exec('commit');
      expect(failureOf(() => other.prepare('begin immediate').run([]))).toEqual([]);
    });

    test('keeps each statement once, and undoes a transaction once', (place) => {
      const db = keepPrepared(place.filled());
      expect(db.prepare('begin')).toBe(db.prepare('begin'));
      db.prepare('begin').run([]);
      db.exec('delete from notes');
      for (let i = 0; i < 2; i += 1) db.prepare('rollback').run([]);
      expect(db.prepare('select text from notes').all([])).toHaveLength(1);
      expect(db.statements()).toBe(3);
    });

    test('copies into a file that is empty or new', (place) => {
      const copy = join(place.folder, 'copy.db');
      place.filled().prepare('vacuum into ?').run([copy]);
      expect(place.open({ path: copy, readonly: true }).prepare('select text from notes').all([])).toHaveLength(1);
    });
  });
}
