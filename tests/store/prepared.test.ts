/** Queries that are built once: each run has its own values, whatever their number, and its own database. */
import BetterSqlite3 from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { afterEach, expect, it } from 'vitest';
import { anyOf, chunks } from '../../broker/store/lists.ts';
import { prepared } from '../../broker/store/prepared.ts';
import type { Database } from '../../broker/store/schema.ts';

const open: Kysely<Database>[] = [];
afterEach(async () => {
  for (const db of open.splice(0)) await db.destroy();
});

function database(...names: string[]): Kysely<Database> {
  const file = new BetterSqlite3(':memory:');
  file.exec('create table migrations (id integer primary key, name text, applied_at integer)');
  for (const name of names) file.prepare('insert into migrations (name, applied_at) values (?, 0)').run(name);
  const db = new Kysely<Database>({ dialect: new SqliteDialect({ database: file }) });
  open.push(db);
  return db;
}

it('runs with the values of each call, in lists of any length, and builds once for all lengths', async () => {
  let built = 0;
  const named = prepared((db, { names, after }: { names: readonly string[]; after: number }) => {
    built += 1;
    return db
      .selectFrom('migrations')
      .select('name')
      .where('name', 'in', anyOf(db, names))
      .where('id', '>', after)
      .orderBy('id');
  });
  const db = database('one', 'two', 'three');
  expect(await named(db, { names: ['two', 'one'], after: 0 })).toEqual([{ name: 'one' }, { name: 'two' }]);
  expect(await named(db, { names: ['three', 'one'], after: 1 })).toEqual([{ name: 'three' }]);
  expect(await named(db, { names: ['three'], after: 0 })).toEqual([{ name: 'three' }]);
  expect(await named(db, { names: [], after: 0 })).toEqual([]);
  expect(built).toBe(1);
});

it('takes rows in chunks of few sizes, and no others: each size is a statement of its own', async () => {
  let built = 0;
  const insert = prepared((db, { rows }: { rows: readonly { id: number; name: string; applied_at: number }[] }) => {
    built += 1;
    return db.insertInto('migrations').values(rows).returning('id');
  });
  const db = database();
  const row = (id: number) => ({ id, name: 'x', applied_at: 0 });
  let last = 0;
  for (const length of [0, 1, 2, 3, 7, 64, 255, 256, 257, 600]) {
    const ids = Array.from({ length }, () => {
      last += 1;
      return last;
    });
    const inserted: number[] = [];
    for (const rows of chunks(ids.map(row))) inserted.push(...(await insert(db, { rows })).map(({ id }) => id));
    expect(inserted).toEqual(ids);
  }
  expect(built).toBe(9);
  const three = [1, 2, 3].map(row);
  await expect(insert(db, { rows: three })).rejects.toThrow('not 3 at once');
});

it('keeps what is part of the query, and inserts rows with values that are null', async () => {
  const insert = prepared((db, { rows }: { rows: readonly { id: number; name: string; applied_at: number }[] }) =>
    db.insertInto('migrations').values(rows).returning(['id', 'name']),
  );
  const zeroth = prepared((db, { id }: { id: number }) =>
    db.selectFrom('migrations').select('name').where('id', '=', id).where('applied_at', '=', 0),
  );
  const db = database();
  const rows = [
    { id: 1, name: 'a', applied_at: 0 },
    { id: 2, name: null as unknown as string, applied_at: 7 },
  ];
  expect(await insert(db, { rows })).toEqual([
    { id: 1, name: 'a' },
    { id: 2, name: null },
  ]);
  expect([await zeroth(db, { id: 1 }), await zeroth(db, { id: 2 })]).toEqual([[{ name: 'a' }], []]);
});

it('serves several databases, and transactions', async () => {
  const all = prepared((db, { id }: { id: number }) => db.selectFrom('migrations').select('name').where('id', '=', id));
  const [left, right] = [database('left'), database('right')];
  expect([await all(left, { id: 1 }), await all(right, { id: 1 })]).toEqual([[{ name: 'left' }], [{ name: 'right' }]]);
  expect(await left.transaction().execute((trx) => all(trx, { id: 1 }))).toEqual([{ name: 'left' }]);
});

it('refuses a query that computes with a value: it would keep the first one for ever', async () => {
  const later = prepared((db, { id }: { id: number }) =>
    db
      .selectFrom('migrations')
      .select('name')
      .where('id', '=', id + 1),
  );
  await expect(later(database('one'), { id: 0 })).rejects.toThrow('a prepared query may only place id');
});
