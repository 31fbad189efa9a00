/**
 * The files of an open SQLite database, each known by device and inode. SQLite writes on into a file that was deleted,
 * moved or replaced, and all of that is gone with the process.
 */
import { lstatSync, realpathSync, rmSync, statSync } from 'node:fs';

interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/** @returns undefined where nothing is, or where the system does not say */
export function identityOf(path: string): Identity | undefined {
  const found = look(path);
  return found === 'unknown' ? undefined : found;
}

function look(path: string): Identity | 'unknown' | undefined {
  try {
    return statSync(path);
  } catch (error) {
    // a folder that may not be read for a while is no reason to give up
    return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '') ? undefined : 'unknown';
  }
}

export function isSame(left: Identity | undefined, right: Identity | undefined): boolean {
  return left !== undefined && left.dev === right?.dev && left.ino === right.ino;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

export class SqliteFiles {
  readonly path: string;
  /** SQLite follows links, and puts its log and index beside what they lead to. */
  readonly #real: string;
  readonly #main: Identity | undefined;
  readonly #beside: readonly { readonly path: string; readonly identity: Identity }[];

  /** @param path of a database that is open for writing, in WAL mode */
  constructor(path: string) {
    this.path = path;
    this.#real = realpathSync(path);
    this.#main = identityOf(path);
    this.#beside = ['-wal', '-shm'].flatMap((suffix) => {
      const beside = this.#real + suffix;
      const identity = identityOf(beside);
      return identity ? [{ path: beside, identity }] : [];
    });
  }

  /** What happened to the first file that is not in its place; undefined while all are. A few microseconds. */
  trouble(): string | undefined {
    for (const { path, identity } of [{ path: this.path, identity: this.#main }, ...this.#beside]) {
      const found = look(path);
      if (found === undefined) return `${path} was deleted or moved away`;
      if (found !== 'unknown' && !isSame(identity, found)) return `${path} was replaced by another file`;
    }
    return undefined;
  }

  get isMainInPlace(): boolean {
    return isSame(this.#main, identityOf(this.path));
  }

  /** Where the next broker looks for the database, if nothing of another database is there. */
  freePlace(): string | undefined {
    if (identityOf(this.path)) return undefined;
    // a link that leads nowhere stays as it is
    const place = isThere(this.path) ? this.#real : this.path;
    const own = this.#ownLogs();
    const isTaken = ['', '-wal', '-shm'].some((suffix) => isThere(place + suffix) && !own.includes(place + suffix));
    return isTaken ? undefined : place;
  }

  /** Removes log and index, where they are still ours: SQLite would fold them into whatever database is there next. */
  removeOwnLogs(): void {
    for (const path of this.#ownLogs()) rmSync(path, { force: true });
  }

  #ownLogs(): string[] {
    return this.#beside.filter(({ path, identity }) => isSame(identity, identityOf(path))).map(({ path }) => path);
  }
}
