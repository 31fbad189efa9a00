/** Saves a database whose file is gone: the process has it open, so everything that was committed is still there. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SqliteFiles } from './sqlite-files.ts';

export interface Open {
  readonly files: SqliteFiles;
  /** Copies all of the open database into an empty file. */
  copyInto(path: string): Promise<void>;
  /** Folds the log into the database's own file. @returns whether all of it is there now */
  checkpoint(): Promise<boolean>;
}

/**
 * Where the database's name is free, the copy takes it, and the next broker goes on with it. Else it goes to the backups.
 * @param now for the name of a backup
 * @returns where everything is that was committed
 */
export async function rescue(open: Open, backups: string, now: Date): Promise<string> {
  const { files } = open;
  // into a file that was only moved too: whoever has it then has everything; where this fails, the copy has it
  const isFolded = await open.checkpoint().catch(() => false);
  if (isFolded && files.isMainInPlace) return files.path;
  const place = files.freePlace();
  if (place !== undefined) {
    try {
      return await copyTo(place, open);
    } catch {
      // no room, no folder, no right, or somebody was faster: the backups have a place of their own
    }
  }
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  return copyTo(join(backups, `rescued-${now.toISOString().replace(/[:.]/g, '-')}.db`), open);
}

/** The name appears once the copy is whole and on disk; never in place of another file. */
async function copyTo(path: string, { files, copyInto }: Open): Promise<string> {
  const draft = `${path}.${process.pid}.part`;
  try {
    rmSync(draft, { force: true });
    // made by us, so that it never has a mode that others can read
    closeSync(openSync(draft, 'wx', 0o600));
    await copyInto(draft);
    sync(draft, 'r+');
    files.removeOwnLogs();
    linkSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  if (process.platform !== 'win32') sync(dirname(path), 'r');
  return path;
}

function sync(path: string, flags: string): void {
  const fd = openSync(path, flags);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
