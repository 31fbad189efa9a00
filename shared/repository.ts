/**
 * Which repository a folder belongs to, and its branch. Read from git's files and not with git, because git runs programs
 * that the settings of a repository name, and a folder may come from anybody.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Env } from './config.ts';
import { userSettings } from './git-config.ts';
import { readRegularFile } from './read-file.ts';

/** HEAD, and the files that name another folder, hold one line. */
const LINE_MAX_BYTES = 8 * 1024;

export interface Repository {
  /** The top of the work tree; undefined in a bare repository and in a git folder itself. */
  readonly root: string | undefined;
  /** The git folder of this worktree, with its HEAD and index. */
  readonly gitDir: string;
  /** The git folder of the repository, the same for each of its worktrees. */
  readonly commonDir: string;
  /** The text of HEAD. */
  readonly head: string;
}

/**
 * The repository that git would find from `folder`.
 * @returns undefined where there is none, and where git would refuse it: it belongs to another user and the user's own
 * `safe.directory` does not name it
 */
export async function findRepository(folder: string, env: Env): Promise<Repository | undefined> {
  try {
    let at = await realpath(folder);
    for (;;) {
      const found = (await repositoryAt(at)) ?? (await gitFolder(at, undefined));
      if (found) return (await isTrusted(found, env)) ? found : undefined;
      if (dirname(at) === at) return undefined;
      at = dirname(at);
    }
  } catch {
    return undefined; // folders that went away meanwhile
  }
}

/** The branch that HEAD names; empty where it names a commit, or where the text of HEAD does not tell. */
export function branchOf({ head }: Repository): string {
  // of what git forbids in a name: spaces, control characters, and a dot in front, by which reftable marks its HEAD
  return /^ref: *refs\/heads\/(?!\.)([^\s\p{Cc}]+)\s*$/u.exec(head)?.[1] ?? '';
}

/** By the folder .git, or by the file of that name in a linked worktree or a submodule. */
async function repositoryAt(root: string): Promise<Repository | undefined> {
  const path = join(root, '.git');
  const named = /^gitdir: (.+)$/m.exec(await lineIn(path))?.[1];
  return await gitFolder(named === undefined ? path : resolve(root, named), root);
}

async function gitFolder(gitDir: string, root: string | undefined): Promise<Repository | undefined> {
  const head = await lineIn(join(gitDir, 'HEAD'));
  if (!/^(?:ref: *refs\/|[0-9a-f]{40})/.test(head)) return undefined;
  const named = await lineIn(join(gitDir, 'commondir'));
  const commonDir = resolve(gitDir, named.trimEnd());
  if (!(await isFolder(join(commonDir, 'objects'))) || !(await isFolder(join(commonDir, 'refs')))) return undefined;
  return { root, gitDir: await realpath(gitDir), commonDir: await realpath(commonDir), head };
}

async function isTrusted({ root, gitDir }: Repository, env: Env): Promise<boolean> {
  const user = process.geteuid?.();
  const owners = await Promise.all([gitDir, root ?? gitDir].map(async (path) => (await stat(path)).uid));
  if (user === undefined || owners.every((owner) => owner === user)) return true;
  const named = (await userSettings(['safe.directory'], env)).get('safe.directory') ?? [];
  // an empty value takes back those before it
  return named.slice(named.lastIndexOf('') + 1).some((path) => covers(path, root ?? gitDir, env));
}

function covers(named: string, folder: string, { HOME = '' }: Env): boolean {
  const path = named.replace(/^~(?=\/)/, HOME);
  return path === '*' || path === folder || (path.endsWith('/*') && folder.startsWith(path.slice(0, -1)));
}

/** Empty where there is no such file, or none that can be read. */
async function lineIn(path: string): Promise<string> {
  try {
    return (await readRegularFile(path, LINE_MAX_BYTES)).toString('utf8');
  } catch {
    return '';
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
