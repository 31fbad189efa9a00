/** Does what was planned, file by file: backup, change, record. */
import { chmod, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Step } from './plan.ts';
import { difference, digest, type Records, undo } from './record.ts';
import { type Encoding, readTextFile, type TextFile, writeTextFile } from './text-file.ts';

export interface Applied {
  readonly path: string;
  /** The copy of the file as it was; null where there was none to copy. */
  readonly backup: string | null;
}

/** Writes the file by a client's own command, where that does no harm. @returns whether it did */
export type OwnWay = (step: Step) => Promise<boolean>;

const BACKUP = '.agent-peers-backup-';

export async function applyInstall(
  step: Step & { after: string },
  records: Records,
  now: number,
  ownWay: OwnWay,
): Promise<Applied> {
  const { edit, file } = step;
  const { path, encoding } = edit;
  const known = records.get(path);
  const before = file.text ?? '';
  // an earlier run may have changed it already: what counts is how it was before that
  const base = known ? (undo(before, known) ?? edit.uninstall(before)) : before;
  const backup = known?.backup ?? (await backUp(file, encoding, now));
  const folders = (await ownWay(step)) ? [] : await writeTextFile(file, step.after, encoding);
  const left = (await readTextFile(path, encoding)).text ?? '';
  await records.put({
    path,
    encoding,
    created: known?.created ?? file.text === undefined,
    folders: known?.folders ?? folders,
    backup,
    left: digest(left, encoding),
    ...difference(base, left),
  });
  return { path, backup };
}

export async function applyUninstall(step: Step, records: Records, ownWay: OwnWay): Promise<Applied> {
  const { edit, file, after } = step;
  const { path, encoding } = edit;
  if (after === undefined) await rm(file.target);
  else if (!(await ownWay(step))) await writeTextFile(file, after, encoding);
  const backup = records.get(path)?.backup ?? null;
  await records.drop(path);
  return { path, backup };
}

/** Removes folders that were made for the files, unless something else is in them by now. */
export async function removeFolders(folders: readonly string[]): Promise<void> {
  const innermostFirst = [...new Set(folders)].sort((a, b) => b.length - a.length);
  for (const folder of innermostFirst) await rmdir(folder).catch(() => undefined);
}

/** The copies that runs of `install` have made of this file. */
export async function backupsOf(path: string): Promise<string[]> {
  const names = await readdir(dirname(path)).catch(() => []);
  return names.filter((name) => name.startsWith(basename(path) + BACKUP)).map((name) => join(dirname(path), name));
}

/** From the text that was read: the file itself may be another by now. Null where there was no file. */
async function backUp({ path, target, text }: TextFile, encoding: Encoding, now: number): Promise<string | null> {
  if (text === undefined) return null;
  const stamp = new Date(now)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-');
  const backup = `${path}${BACKUP}${stamp}`;
  await writeFile(backup, Buffer.from(text, encoding), { mode: 0o600 });
  await chmod(backup, (await stat(target)).mode & 0o777);
  return backup;
}
