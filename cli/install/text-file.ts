/**
 * Files of the user as text, and putting them back: through symbolic links, with the mode they had, in one step. What
 * cannot be read in full or written safely is refused before anything is changed.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, chown, lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PeersError } from '../../shared/errors.ts';
import { readRegularFile, UnfitFile } from '../../shared/read-file.ts';

/** Start files of shells may hold bytes in any encoding: as latin1 each byte is one character and comes back as it was. */
export type Encoding = 'utf8' | 'latin1';

export interface TextFile {
  /** As the client or the shell names it. */
  readonly path: string;
  /** The file itself, where `path` is a link to it. */
  readonly target: string;
  /** Undefined where there is no such file. */
  readonly text: string | undefined;
}

const NEW_FILE_MODE = 0o600;
/** Configuration has a few KB; Claude Code's own file may grow to some hundreds. */
const MAX_BYTES = 8 * 1024 * 1024;

/** @throws PeersError `config_unreadable` for what is no text file of at most 8 MB, or a link into nowhere */
export async function readTextFile(path: string, encoding: Encoding): Promise<TextFile> {
  let target: string;
  try {
    target = await realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw unreadable(path, codeOf(error), error);
    if (await isLink(path)) throw unreadable(path, 'it is a link to a file that is not there', error);
    return { path, target: path, text: undefined };
  }
  let bytes: Buffer;
  try {
    bytes = await readRegularFile(target, MAX_BYTES);
  } catch (error) {
    throw unreadable(path, error instanceof UnfitFile ? error.message : codeOf(error), error);
  }
  if (encoding === 'latin1') return { path, target, text: bytes.toString('latin1') };
  try {
    return { path, target, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    throw unreadable(path, 'it is not UTF-8 text', error);
  }
}

/** @throws PeersError `config_read_only` where the file, or the folder for a new one, does not take changes */
export async function assertWritable(file: TextFile): Promise<void> {
  if (file.text === undefined) {
    const folder = await nearestFolder(dirname(file.target));
    if (!(await canWrite(folder))) throw readOnly(file.path, `${folder} takes no new files`);
    return;
  }
  const { mode } = await stat(file.target);
  // asked of the mode too: root may write everywhere, but a file made read-only is meant to stay as it is
  if ((mode & 0o200) === 0 || !(await canWrite(file.target))) {
    const where = file.target === file.path ? '' : `, a link to ${file.target},`;
    throw readOnly(file.path, `the file${where} is read-only`);
  }
}

/**
 * Writes `text` in place of what the file held when it was read.
 * @returns the folders that had to be made for it, outermost first
 * @throws PeersError `config_changed` where somebody else wrote it in between
 */
export async function writeTextFile(file: TextFile, text: string, encoding: Encoding): Promise<string[]> {
  const { path, target, text: expected } = file;
  if ((await readTextFile(path, encoding)).text !== expected) {
    throw new PeersError(
      'config_changed',
      `${path} was changed by another program this very moment; it was left as that program wrote it.`,
      'Run the same command again.',
    );
  }
  const made = expected === undefined ? await makeFolders(dirname(target)) : [];
  const old = expected === undefined ? undefined : await stat(target);
  if (old && (old.nlink > 1 || !(await canWrite(dirname(target))))) {
    // other names of the same file, or a folder that takes no second file: written where it is
    await put(target, Buffer.from(text, encoding), 'r+');
    return made;
  }
  const draft = join(dirname(target), `.agent-peers-${randomBytes(6).toString('hex')}.tmp`);
  try {
    await put(draft, Buffer.from(text, encoding), 'wx');
    if (old) {
      await chmod(draft, old.mode & 0o7777);
      // run by root for somebody else, the file stays theirs
      await chown(draft, old.uid, old.gid).catch(() => undefined);
    }
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return made;
}

export async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

async function put(path: string, bytes: Buffer, flags: 'wx' | 'r+'): Promise<void> {
  const handle = await open(path, flags, NEW_FILE_MODE);
  try {
    await handle.truncate();
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeFolders(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = folder; !(await exists(at)); at = dirname(at)) missing.unshift(at);
  await mkdir(folder, { recursive: true });
  return missing;
}

async function nearestFolder(folder: string): Promise<string> {
  let at = folder;
  while (!(await exists(at))) at = dirname(at);
  return at;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function canWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function unreadable(path: string, why: string, cause: unknown): PeersError {
  return new PeersError(
    'config_unreadable',
    `${path} cannot be read (${why}); it was left as it is.`,
    'Put it in order, then run the same command again.',
    { cause },
  );
}

function readOnly(path: string, why: string): PeersError {
  return new PeersError(
    'config_read_only',
    `${path} cannot be changed: ${why}.`,
    'Make it writable, or add by hand what `agent-peers install --dry-run` shows for it.',
  );
}
