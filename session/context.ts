/** Where a session runs: host, directory, repository and branch. */
import { realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Env } from '../shared/config.ts';
import { branchOf, findRepository, type Repository } from '../shared/repository.ts';
import { branchByGit } from './git.ts';
import type { SessionLog } from './log.ts';

/** A file system may not answer, and no session waits for it. */
const LOOK_MS = 2_000;
const REFRESH_MS = 30_000;
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

async function readPlace(cwd: string, env: Env): Promise<Place> {
  // two names of one directory are one directory
  const [real, found] = await Promise.all([realpath(cwd).catch(() => cwd), readRepository(cwd, env)]);
  return { host: hostname(), cwd: real, repo: found?.repository.commonDir ?? '', branch: found?.branch ?? '' };
}

export interface WhereaboutsOptions {
  readonly cwd: string;
  readonly log: SessionLog;
  /** A look has found another branch than the last {@link Whereabouts.place} said. */
  onBranch(branch: string): void;
  read(): Promise<Place>;
  /** How long {@link Whereabouts.place} waits for a look. */
  readonly waitMs?: number;
}

/** Where the session runs, as far as the file system answers. A look that takes longer still counts once it is over. */
export class Whereabouts {
  readonly #options: WhereaboutsOptions;
  #known: Place;
  #told: string | undefined;
  #looking: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WhereaboutsOptions) {
    this.#options = options;
    this.#known = { host: hostname(), cwd: options.cwd, repo: '', branch: '' };
  }

  static of(cwd: string, env: Env, options: Pick<WhereaboutsOptions, 'log' | 'onBranch'>): Whereabouts {
    return new Whereabouts({ ...options, cwd, read: () => readPlace(cwd, env) });
  }

  /** What is known. The first time it waits for a look, but not long. */
  async place(): Promise<Place> {
    if (this.#told === undefined) {
      await Promise.race([this.#look(), delay(this.#options.waitMs ?? LOOK_MS, undefined, { ref: false })]);
    }
    this.#told = this.#known.branch;
    return this.#known;
  }

  /** Looks again now and then, beside the work and not before it. */
  refresh(): void {
    if (performance.now() - this.#lookedAt >= REFRESH_MS) void this.#look();
  }

  /** One look at a time: a file system that does not answer holds up a thread for each. */
  #look(): Promise<void> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #read(): Promise<void> {
    const { log, onBranch, read } = this.#options;
    this.#lookedAt = performance.now();
    try {
      this.#known = await read();
    } catch (error) {
      log.warn('could not find out the repository and branch', { reason: String(error) });
      return;
    }
    const { branch } = this.#known;
    if (this.#told === undefined || branch === this.#told) return;
    this.#told = branch;
    onBranch(branch);
  }
}
