/** bun:sqlite: part of Bun, which cannot load better-sqlite3. */
import type { SqliteStatement } from 'kysely';
import type { SqliteDriver } from './connection.ts';

interface BunStatement {
  readonly columnNames: readonly string[];
  all(...parameters: readonly unknown[]): unknown[];
  run(...parameters: readonly unknown[]): { changes: number; lastInsertRowid: number };
  iterate(...parameters: readonly unknown[]): IterableIterator<unknown>;
}

interface BunDatabase {
  prepare(sql: string): BunStatement;
  exec(sql: string): void;
  close(): void;
}

export async function bunSqlite(): Promise<SqliteDriver> {
  // a name in a variable: neither the bundler nor Node's type checker can resolve this module
  const name = 'bun:sqlite';
  const bun = (await import(name)) as { Database: new (path: string, options: object) => BunDatabase };
  return {
    name,
    open: (path, { readonly }) => {
      const mode = readonly ? { readonly } : { readwrite: true, create: false };
      const db = new bun.Database(path, { ...mode, strict: true });
      return {
        prepare: (sql) => ofStatement(db.prepare(sql)),
        exec: (sql) => db.exec(sql),
        close: () => db.close(),
      };
    },
  };
}

function ofStatement(statement: BunStatement): SqliteStatement {
  return {
    reader: statement.columnNames.length > 0,
    all: (parameters) => statement.all(...parameters),
    run: (parameters) => statement.run(...parameters),
    iterate: (parameters) => statement.iterate(...parameters),
  };
}
