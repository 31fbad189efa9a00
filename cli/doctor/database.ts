/** Reads through the SQLite file without changing it, also while the broker has it open. */

interface Connection {
  problems(): string[];
  close(): void;
}

const CHECK = 'PRAGMA quick_check(5)';

/** @returns what SQLite found wrong; nothing where all is well */
export async function checkDatabase(path: string, runtime: 'node' | 'bun'): Promise<string[]> {
  const connection = await (runtime === 'bun' ? openWithBun(path) : openWithNode(path));
  try {
    return connection.problems().filter((line) => line !== 'ok');
  } finally {
    connection.close();
  }
}

async function openWithNode(path: string): Promise<Connection> {
  const { default: BetterSqlite3 } = await import('better-sqlite3');
  const db = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
  return {
    problems: () => db.prepare(CHECK).pluck().all().map(String),
    close: () => void db.close(),
  };
}

interface BunDatabase {
  query(sql: string): { values(): unknown[][] };
  close(): void;
}

async function openWithBun(path: string): Promise<Connection> {
  // a name in a variable: neither the bundler nor Node's type checker can resolve this module
  const name = 'bun:sqlite';
  const { Database } = (await import(name)) as { Database: new (path: string, options: object) => BunDatabase };
  const db = new Database(path, { readonly: true });
  return {
    problems: () => db.query(CHECK).values().flat().map(String),
    close: () => db.close(),
  };
}
