/** Where a session runs: host, directory, and what git says about it. */
import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);
const GIT_TIMEOUT_MS = 2_000;

export interface Place {
  readonly host: string;
  readonly cwd: string;
  /** The common git folder, the same for every worktree of a repository; empty outside git. */
  readonly repo: string;
  readonly branch: string;
}

/** What git needs to find the repository and its settings; it may run a repository's own programs (fsmonitor, filters). */
const GIT_ENV = /^(?:HOME|PATH|USER|LANG|LC_\w+|TMPDIR|XDG_CONFIG_HOME|GIT_\w+)$/;

function gitEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const needed = Object.entries(env).filter(([name]) => GIT_ENV.test(name));
  return { ...Object.fromEntries(needed), GIT_OPTIONAL_LOCKS: '0' };
}

/** @returns what git printed; empty where it failed, is missing or took too long */
export async function git(cwd: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run('git', args, {
      cwd,
      timeout: GIT_TIMEOUT_MS,
      env: gitEnv(process.env),
    });
    return stdout.trimEnd();
  } catch {
    return ''; // no git, no repository, no commit: all the same to whoever lists peers
  }
}

export function readBranch(cwd: string): Promise<string> {
  return git(cwd, 'symbolic-ref', '--short', '--quiet', 'HEAD');
}

export async function readPlace(cwd: string): Promise<Place> {
  const [repo, branch] = await Promise.all([
    git(cwd, 'rev-parse', '--path-format=absolute', '--git-common-dir'),
    readBranch(cwd),
  ]);
  return { host: hostname(), cwd: real(cwd), repo: repo === '' ? '' : real(repo), branch };
}

/** Two names of one directory are one directory. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
