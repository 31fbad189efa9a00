/** node:sqlite: part of Node since 22.13. */
import { existsSync } from 'node:fs';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { SqliteStatement } from 'kysely';
import type { SqliteDriver } from './connection.ts';
import { resultName } from './result-names.ts';

type NodeSqlite = typeof import('node:sqlite');

/** @returns undefined where this Node has no such module */
export function nodeSqlite(): SqliteDriver | undefined {
  const sqlite = load();
  return sqlite && { name: 'node:sqlite', open: named((path, { readonly }) => open(sqlite, path, readonly)) };
}

/** Node 22 warns on standard error that the module is experimental, when it is first loaded. No user can act on that. */
function load(): NodeSqlite | undefined {
  const { emitWarning } = process;
  // for this call only, which is synchronous: no other warning can come meanwhile
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

function open({ DatabaseSync }: NodeSqlite, path: string, readonly: boolean) {
  // it has no mode that opens without making
  if (!existsSync(path)) throw Object.assign(new Error('unable to open database file'), { code: 'SQLITE_CANTOPEN' });
  const db = new DatabaseSync(path, { readOnly: readonly });
  return {
    prepare: named((sql: string) => ofStatement(sql, db.prepare(sql))),
    exec: named((sql: string) => db.exec(sql)),
    close: named(() => db.close()),
  };
}

function ofStatement(sql: string, statement: StatementSync): SqliteStatement {
  return {
    reader: isReader(sql, statement),
    all: named((parameters) => statement.all(...(parameters as SQLInputValue[]))),
    run: named((parameters) => statement.run(...(parameters as SQLInputValue[]))),
    iterate: named((parameters) => statement.iterate(...(parameters as SQLInputValue[]))),
  };
}

/** Whether it gives rows. Node tells its columns since 22.16. */
function isReader(sql: string, statement: StatementSync): boolean {
  const { columns } = statement as Partial<StatementSync>;
  if (columns) return columns.call(statement).length > 0;
  return /^\s*(?:select|pragma)\b|\breturning\b/i.test(sql);
}

/** The same function, but what it throws has SQLite's name of the result as its code, where Node has a number beside it. */
function named<Arguments extends readonly unknown[], Result>(
  call: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  return (...given) => {
    try {
      return call(...given);
    } catch (error) {
      const { errcode } = error as { errcode?: unknown };
      if (typeof errcode === 'number') Object.assign(error as Error, { code: resultName(errcode) });
      throw error;
    }
  };
}
