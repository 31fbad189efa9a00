/**
 * One run of `install` or `uninstall` at a time: two at once would both work from what the files held before.
 *
 * A run makes a file and then looks for the files of other runs. It goes on only if it sees none; otherwise it removes
 * its own and tries again later. Of two runs at the same time, the one that made its file last sees the other's, so they
 * never both go on. No name is used twice, so whoever sees the file of a process that died can remove it without the
 * danger of removing another's.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PeersError } from '../../shared/errors.ts';
import type { Io } from '../io.ts';

const FILE = /^installing-(\d+)-[0-9a-f]+$/;
const WAIT_MS = 20_000;
const PAUSE_MS = 50;
const TRIES = 20;
const PS_TIMEOUT_MS = 2_000;
/** A process that began this much later than the file was made is not the one that made it. */
const CLOCK_MS = 2_000;

export class InstallLock {
  readonly #home: string;
  readonly #file: string;

  private constructor(home: string, file: string) {
    this.#home = home;
    this.#file = file;
  }

  /**
   * @param home the folder of agent-peers, which is made where it is missing
   * @throws PeersError `install_running` where another run goes on for 20 s, `config_read_only` where the folder takes
   * no files
   */
  static async take(home: string, { sleep }: Pick<Io, 'sleep'>): Promise<InstallLock> {
    const others = new OtherRuns(home);
    for (let waited = 0; ; ) {
      let other = await others.first();
      if (other === undefined) {
        const lock = new InstallLock(home, await announce(home));
        other = await others.first(lock.#file);
        if (other === undefined) return lock;
        await lock.release();
      }
      if (waited >= WAIT_MS) throw running(other);
      // not all at the same pace, or they would meet again
      const pause = PAUSE_MS * (1 + Math.random());
      await sleep(pause);
      waited += pause;
    }
  }

  /** Deletes all else in the folder but the files of runs that wait. */
  async emptyHome(): Promise<void> {
    for (const name of await readdir(this.#home)) {
      if (!FILE.test(name)) await rm(join(this.#home, name), { recursive: true, force: true });
    }
  }

  /** Leaves no folder behind in which there is nothing else. */
  async release(): Promise<void> {
    await rm(join(this.#home, this.#file), { force: true });
    await rmdir(this.#home).catch(() => undefined);
  }
}

async function announce(home: string): Promise<string> {
  const file = `installing-${process.pid}-${randomBytes(6).toString('hex')}`;
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdir(home, { recursive: true, mode: 0o700 });
      await writeFile(join(home, file), '', { flag: 'wx', mode: 0o600 });
      return file;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // another run may just have removed the folder, which was empty
      if (code === 'ENOENT' && tries < TRIES) continue;
      throw new PeersError(
        code === 'ENOSPC' ? 'storage_full' : 'config_read_only',
        `Cannot create files in ${home} (${code}). Nothing was changed.`,
        'Make it writable, or set AGENT_PEERS_HOME to another folder.',
        { cause: error },
      );
    }
  }
}

class OtherRuns {
  readonly #home: string;
  /** Files whose process was seen to have made them: from then on it only matters whether it is there. */
  readonly #proven = new Set<string>();

  constructor(home: string) {
    this.#home = home;
  }

  /** The process of a run that goes on, but for the run that has made `own`; undefined where there is none. */
  async first(own?: string): Promise<number | undefined> {
    const names = await readdir(this.#home).catch(() => []);
    for (const name of names) {
      const pid = Number(FILE.exec(name)?.[1]);
      if (!pid || name === own) continue;
      if (await this.#goesOn(name, pid)) return pid;
      await rm(join(this.#home, name), { force: true });
    }
    return undefined;
  }

  async #goesOn(name: string, pid: number): Promise<boolean> {
    try {
      process.kill(pid, 0);
    } catch {
      return false; // it died, or the number is that of another user's process by now
    }
    if (this.#proven.has(name)) return true;
    const made = await stat(join(this.#home, name)).catch(() => undefined);
    const began = await beginOf(pid);
    if (!made || (began !== undefined && began > made.mtimeMs + CLOCK_MS)) return false;
    this.#proven.add(name);
    return true;
  }
}

/** Milliseconds since the epoch, to the second; undefined where the system does not tell. */
async function beginOf(pid: number): Promise<number | undefined> {
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
  const options = { env, timeout: PS_TIMEOUT_MS };
  const told = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], options).catch(() => undefined);
  const began = Date.parse(`${told?.stdout.trim()} UTC`);
  return Number.isNaN(began) ? undefined : began;
}

function running(pid: number): PeersError {
  return new PeersError(
    'install_running',
    `Another run of install or uninstall is under way: process ${pid}.`,
    `Wait until it is done. If it hangs, run: kill ${pid}`,
  );
}
