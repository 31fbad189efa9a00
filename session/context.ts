/** Where a session runs: host, directory, repository and branch. */
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../shared/config.ts';
import { branchOf, findRepository, type Repository } from '../shared/repository.ts';
import { branchByGit } from './git.ts';

/** A file system may not answer, and no session waits for it. */
const LOOK_MS = 2_000;
/** What HEAD holds where the refs are in the reftable format. */
const REFTABLE_HEAD = /^ref: refs\/heads\/\.invalid\s*$/;

export interface Place {
  readonly host: string;
  readonly cwd: string;
  /** The common git folder, the same for every worktree of a repository; empty outside git. */
  readonly repo: string;
  readonly branch: string;
}

/** The repository of a folder, with its branch; undefined outside git. */
export async function readRepository(
  cwd: string,
  env: Env,
): Promise<{ repository: Repository; branch: string } | undefined> {
  const repository = await findRepository(cwd, env);
  if (!repository) return undefined;
  const branch = REFTABLE_HEAD.test(repository.head) ? await branchByGit(repository, env) : branchOf(repository);
  return { repository, branch };
}

export async function readPlace(cwd: string, env: Env): Promise<Place> {
  const found = await Promise.race([readRepository(cwd, env), delay(LOOK_MS, undefined, { ref: false })]);
  return {
    host: hostname(),
    cwd: real(cwd),
    repo: found?.repository.commonDir ?? '',
    branch: found?.branch ?? '',
  };
}

/** Two names of one directory are one directory. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
