/** What this program needs of a SQLite driver, and what it adds to each. */
import type { SqliteStatement } from 'kysely';

export interface SqliteDriver {
  readonly name: 'better-sqlite3' | 'bun:sqlite' | 'node:sqlite';
  /**
   * Opens a file that exists.
   * @throws as everything of the connection: an error with SQLite's name of the result as its `code` (`SQLITE_FULL`)
   */
  open(path: string, options: { readonly readonly: boolean }): Connection;
}

export interface Connection {
  /** Statements take their parameters as one array. */
  prepare(sql: string): SqliteStatement;
  exec(sql: string): void;
  close(): void;
}

export interface SqliteConnection extends Connection {
  /** How many it keeps prepared. */
  statements(): number;
}

/**
 * Preparing costs more than running most of these statements: each SQL text is prepared once and kept. There are few
 * texts, since nothing that comes from outside is part of one, not even the length of a list (lists.ts).
 */
export function keepPrepared(connection: Connection): SqliteConnection {
  const prepared = new Map<string, SqliteStatement>();
  return {
    prepare: (sql) => {
      const known = prepared.get(sql);
      if (known) return known;
      const statement = connection.prepare(sql);
      const kept = sql === 'rollback' ? rollbackOnce(statement) : statement;
      prepared.set(sql, kept);
      return kept;
    },
    exec: (sql) => connection.exec(sql),
    close: () => connection.close(),
    statements: () => prepared.size,
  };
}

/** SQLite undoes a transaction by itself where the disk is full: to fail to undo it again would hide why. */
function rollbackOnce(rollback: SqliteStatement): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    run: (parameters) => {
      try {
        return rollback.run(parameters);
      } catch (error) {
        if (!/no transaction is active/.test(String(error))) throw error;
        return { changes: 0, lastInsertRowid: 0 };
      }
    },
    iterate: () => [].values(),
  };
}
