/**
 * Of several sessions that find no broker at once, one starts it. bind() on the port settles that race too, but with a
 * process for each of them. So this lock only saves work: nothing it does may keep a session without a broker.
 */
import { statSync } from 'node:fs';
import type { Location } from './config.ts';
import { Contenders } from './contenders.ts';
import { ensurePrivateFolder } from './secret.ts';

/** Longer than starting a broker may take: whoever has the lock for longer is stuck, or another process by now. */
export const START_LOCK_MAX_MS = 20_000;

export class StartLock {
  readonly #contenders: Contenders;
  readonly #path: string | undefined;

  private constructor(contenders: Contenders, path: string | undefined) {
    this.#contenders = contenders;
    this.#path = path;
  }

  /**
   * @returns undefined while another process has it
   * @throws PeersError where AGENT_PEERS_HOME cannot be made, or is open to others
   */
  static take(location: Location): StartLock | undefined {
    ensurePrivateFolder(location.home);
    const contenders = contendersFor(location);
    if (contenders.others().length > 0) return undefined;
    let path: string;
    try {
      path = contenders.announce();
    } catch {
      // a full disk or a read-only folder: then each starter starts a broker, and bind() decides
      return new StartLock(contenders, undefined);
    }
    if (contenders.others(path).length === 0) return new StartLock(contenders, path);
    contenders.withdraw(path);
    return undefined;
  }

  release(): void {
    if (this.#path !== undefined) this.#contenders.withdraw(this.#path);
  }
}

/** The files of all contenders for this port, also of those that have died. */
export function startLocks(location: Location): string[] {
  return contendersFor(location)
    .all()
    .map(({ path }) => path);
}

function contendersFor({ home, port }: Location): Contenders {
  return new Contenders(home, `starting-${port}`, isRecent);
}

function isRecent(path: string): boolean {
  try {
    // either way: the clock may have been set back since
    return Math.abs(Date.now() - statSync(path).mtimeMs) < START_LOCK_MAX_MS;
  } catch {
    return false; // it was just released
  }
}
