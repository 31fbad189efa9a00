/** Opening a SQLite file: what is not ours to open stays as it is, what is older is copied before it is changed. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Kysely, sql } from 'kysely';
import type { SqliteDriver } from '../../broker/store/drivers/connection.ts';
import { MIGRATIONS, type Migration } from '../../broker/store/migrations/index.ts';
import { openSqlite } from '../../broker/store/sqlite.ts';
import type { Engine } from '../../broker/store/store.ts';
import type { Db } from '../../broker/store/unit.ts';
import { PeersError } from '../../shared/errors.ts';
import { rawText } from '../../shared/peer-text.ts';
import type { Runner } from './runner.ts';
import { START, World } from './world.ts';

const NEXT = (MIGRATIONS.at(-1)?.id ?? 0) + 1;

/** A step of a later version: it adds a table and changes a row. */
function nextStep(id: number): Migration {
  return {
    id,
    name: `step ${id}`,
    up: async (db: Kysely<never>) => {
      await sql.raw(`create table later_${id} (a integer)`).execute(db);
      await sql`update peers set summary = 'migrated'`.execute(db);
    },
  };
}

function brokenStep(id: number): Migration {
  return {
    ...nextStep(id),
    up: async (db) => {
      await nextStep(id).up(db, 'sqlite');
      await sql`insert into no_such_table values (1)`.execute(db);
    },
  };
}

/** A file with its folder of copies, and the means to look at both. */
class Place {
  readonly #driver: SqliteDriver;
  readonly folder = mkdtempSync(join(tmpdir(), 'agent-peers-open-'));
  readonly path = join(this.folder, 'peers.db');
  readonly backups = join(this.folder, 'backups');

  constructor(driver: SqliteDriver) {
    this.#driver = driver;
  }

  open(migrations: readonly Migration[] = MIGRATIONS, path = this.path): Promise<Engine> {
    return openSqlite(path, { now: START, backups: this.backups, driver: this.#driver, migrations });
  }

  /** Makes a database of this version with a peer in it. */
  async fill(): Promise<void> {
    const world = await World.create({ open: () => this.open(), end: async () => {} });
    await world.join('ann');
    await world.end();
  }

  /** The code of the error that opening ends with; `none` where it opens. */
  async failure(steps?: readonly Migration[]): Promise<string> {
    try {
      await (await this.open(steps)).close();
      return 'none';
    } catch (error) {
      return error instanceof PeersError ? error.code : String(error);
    }
  }

  digest(): string {
    return createHash('sha256').update(readFileSync(this.path)).digest('hex');
  }

  copies(): string[] {
    return existsSync(this.backups) ? readdirSync(this.backups) : [];
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function summaryOfAnn(engine: Engine): Promise<string | undefined> {
  const ann = (db: Db) => db.selectFrom('peers').select('summary').where('name', '=', 'ann').executeTakeFirst();
  const summary = (await engine.read(ann))?.summary;
  await engine.close();
  return summary === undefined ? undefined : rawText(summary);
}

export function openingContract({ describe, it, expect }: Runner, driver: SqliteDriver): void {
  const test = (name: string, body: (place: Place) => Promise<void>) =>
    it(name, async () => {
      const place = new Place(driver);
      try {
        await body(place);
      } finally {
        place.end();
      }
    });

  describe(`opening a database with ${driver.name}`, () => {
    test('makes a file that only its user can read, with its log', async (place) => {
      const engine = await place.open();
      for (const path of [place.path, `${place.path}-wal`]) expect(statSync(path).mode & 0o777).toBe(0o600);
      expect((await engine.facts()).schema).toBe(NEXT - 1);
      await engine.close();
      expect(place.copies()).toEqual([]);
    });

    test('opens it again without a copy, since nothing changes', async (place) => {
      await place.fill();
      expect(await summaryOfAnn(await place.open())).toBe('');
      expect(place.copies()).toEqual([]);
    });

    test('takes away the right of others to read it', async (place) => {
      writeFileSync(place.path, '', { mode: 0o644 });
      await (await place.open()).close();
      expect(statSync(place.path).mode & 0o777).toBe(0o600);
    });

    test('a migration is preceded by a copy of what was there, for its user alone', async (place) => {
      await place.fill();
      expect(await summaryOfAnn(await place.open([...MIGRATIONS, nextStep(NEXT)]))).toBe('migrated');
      const [copy, ...others] = place.copies();
      expect(others).toEqual([]);
      expect(copy?.startsWith(`schema-${NEXT - 1}-`)).toBe(true);
      expect(statSync(place.backups).mode & 0o777).toBe(0o700);
      const path = join(place.backups, copy ?? '');
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const restored = await place.open(MIGRATIONS, path);
      expect((await restored.facts()).schema).toBe(NEXT - 1);
      expect(await summaryOfAnn(restored)).toBe('');
    });

    test('several steps at once are preceded by one copy', async (place) => {
      await place.fill();
      const engine = await place.open([...MIGRATIONS, nextStep(NEXT), nextStep(NEXT + 1)]);
      expect((await engine.facts()).schema).toBe(NEXT + 1);
      await engine.close();
      expect(place.copies()).toHaveLength(1);
    });

    test('a migration that fails leaves the database as it was, and this version still opens it', async (place) => {
      await place.fill();
      const before = place.digest();
      expect(await place.failure([...MIGRATIONS, brokenStep(NEXT)])).toBe('internal');
      expect(place.digest()).toBe(before);
      const engine = await place.open();
      expect((await engine.facts()).schema).toBe(NEXT - 1);
      expect(await summaryOfAnn(engine)).toBe('');
    });

    test('of several steps those before the failing one stand, and the rest can be made later', async (place) => {
      await place.fill();
      expect(await place.failure([...MIGRATIONS, nextStep(NEXT), brokenStep(NEXT + 1)])).toBe('internal');
      const engine = await place.open([...MIGRATIONS, nextStep(NEXT)]);
      expect((await engine.facts()).schema).toBe(NEXT);
      await engine.close();
      expect(await place.failure([...MIGRATIONS, nextStep(NEXT), nextStep(NEXT + 1)])).toBe('none');
    });

    test('without a place for the copy nothing is migrated', async (place) => {
      await place.fill();
      writeFileSync(place.backups, 'a file where the folder should be');
      const before = place.digest();
      expect(await place.failure([...MIGRATIONS, nextStep(NEXT)])).not.toBe('none');
      expect(place.digest()).toBe(before);
    });

    test('refuses a database of a later version, and leaves it as it is', async (place) => {
      await place.fill();
      await (await place.open([...MIGRATIONS, nextStep(NEXT)])).close();
      const before = place.digest();
      expect(await place.failure()).toBe('database_from_future');
      expect(place.digest()).toBe(before);
    });

    test('refuses a damaged database, and leaves it as it is', async (place) => {
      await place.fill();
      const content = readFileSync(place.path);
      for (const [from, to] of [
        [0, 100],
        [4_096, 8_192],
        [content.length - 4_096, content.length],
      ] as const) {
        writeFileSync(place.path, Buffer.from(content).fill(0x5a, from, to));
        const before = place.digest();
        expect(await place.failure()).toBe('database_damaged');
        expect(place.digest()).toBe(before);
      }
      writeFileSync(place.path, content);
      expect(await place.failure()).toBe('none');
    });

    test('refuses what is not a file, or cannot be one', async (place) => {
      const inFile = join(place.path, 'peers.db');
      writeFileSync(place.path, '');
      for (const path of [inFile, place.folder]) {
        const code = await place.open(MIGRATIONS, path).then(
          () => 'none',
          (error: PeersError) => error.code,
        );
        expect(code).toBe('database_read_only');
      }
    });
  });
}
