/** better-sqlite3: a native module. Its binary is fetched or compiled by an install script, which not every install runs. */
import type { SqliteStatement } from 'kysely';
import type { SqliteDriver } from './connection.ts';

/** @throws where the package or its binary is missing, or was made for another version of Node */
export async function betterSqlite3(): Promise<SqliteDriver> {
  const { default: BetterSqlite3 } = await import('better-sqlite3');
  // the binary is loaded with the first database
  new BetterSqlite3(':memory:').close();
  return {
    name: 'better-sqlite3',
    open: (path, { readonly }) => {
      const db = new BetterSqlite3(path, { readonly, fileMustExist: true });
      return {
        prepare: (sql) => db.prepare(sql) as unknown as SqliteStatement,
        exec: (sql) => void db.exec(sql),
        close: () => void db.close(),
      };
    },
  };
}
