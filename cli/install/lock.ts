/** One run of `install` or `uninstall` at a time: two at once would both work from what the files held before. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Contenders } from '../../shared/contenders.ts';
import { PeersError } from '../../shared/errors.ts';
import { isNoRoom } from '../../shared/private-file.ts';
import type { Io } from '../io.ts';

const WAIT_MS = 20_000;
const PAUSE_MS = 50;
const TRIES = 20;

export class InstallLock {
  readonly #home: string;
  readonly #runs: Contenders;
  readonly #path: string;

  private constructor(home: string, runs: Contenders, path: string) {
    this.#home = home;
    this.#runs = runs;
    this.#path = path;
  }

  /**
   * @param home the folder of agent-peers, which is made where it is missing
   * @throws PeersError `install_running` where another run goes on for 20 s, `config_read_only` where no files can be
   * created in the folder
   */
  static async take(home: string, { sleep }: Pick<Io, 'sleep'>): Promise<InstallLock> {
    const runs = new Contenders(home, 'installing');
    for (let waited = 0; ; ) {
      let [other] = runs.others();
      if (other === undefined) {
        const lock = new InstallLock(home, runs, await announce(home, runs));
        [other] = runs.others(lock.#path);
        if (other === undefined) return lock;
        await lock.release();
      }
      if (waited >= WAIT_MS) throw running(other.pid);
      // not all at the same pace, or they would meet again
      const pause = PAUSE_MS * (1 + Math.random());
      await sleep(pause);
      waited += pause;
    }
  }

  /** Deletes all else in the folder but the files of runs that wait. */
  async emptyHome(): Promise<void> {
    const runs = new Set(this.#runs.all().map(({ path }) => path));
    for (const name of await readdir(this.#home)) {
      const path = join(this.#home, name);
      if (!runs.has(path)) await rm(path, { recursive: true, force: true });
    }
  }

  /** Leaves no folder behind in which there is nothing else. */
  async release(): Promise<void> {
    this.#runs.withdraw(this.#path);
    await rmdir(this.#home).catch(() => undefined);
  }
}

async function announce(home: string, runs: Contenders): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      await mkdir(home, { recursive: true, mode: 0o700 });
      return runs.announce();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // another run may just have removed the folder, which was empty
      if (code === 'ENOENT' && tries < TRIES) continue;
      throw new PeersError(
        isNoRoom(error) ? 'storage_full' : 'config_read_only',
        `Cannot create files in ${home} (${code}). Nothing was changed.`,
        'Make it writable, or set AGENT_PEERS_HOME to another folder.',
        { cause: error },
      );
    }
  }
}

function running(pid: number): PeersError {
  return new PeersError(
    'install_running',
    `Another run of install or uninstall is under way: process ${pid}.`,
    `Wait until it is done. If it hangs, run: kill ${pid}`,
  );
}
