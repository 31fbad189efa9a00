/**
 * Of several sessions that find no broker at once, one starts it. bind() on the port settles that race too, but with a
 * process for each of them. So this lock only saves work: nothing it does may keep a session without a broker.
 *
 * Each contender makes an empty file of its own in AGENT_PEERS_HOME, whose name says all there is to know. It has the
 * lock if it then sees no other live contender, else it withdraws. Of two contenders at least one sees the other, so
 * two never have the lock. No name is used twice, so whoever removes a left-over file can remove no other lock with it.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Location } from './config.ts';
import { ensurePrivateFolder } from './secret.ts';

/** Longer than starting a broker may take: whoever has the lock for longer is stuck, or another process by now. */
export const START_LOCK_MAX_MS = 20_000;

/** `starting-<port>.<pid>.<start time of the process, empty where unknown>.<random>` */
const NAME = /^starting-(\d+)\.(\d+)\.(\d*)\.[0-9a-f]{8}$/;

export class StartLock {
  readonly #path: string | undefined;

  private constructor(path: string | undefined) {
    this.#path = path;
  }

  /**
   * @returns undefined while another process has it
   * @throws PeersError where AGENT_PEERS_HOME cannot be made, or is open to others
   */
  static take(location: Location): StartLock | undefined {
    ensurePrivateFolder(location.home);
    if (liveLocks(location).length > 0) return undefined;
    const name = `starting-${location.port}.${process.pid}.${startOf(process.pid)}.${randomBytes(4).toString('hex')}`;
    const path = join(location.home, name);
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch {
      // a full disk or a read-only folder: then each starter starts a broker, and bind() decides
      return new StartLock(undefined);
    }
    if (liveLocks(location).every((other) => other === path)) return new StartLock(path);
    remove(path);
    return undefined;
  }

  release(): void {
    if (this.#path !== undefined) remove(this.#path);
  }
}

/** The files of all contenders for this port, also of those that have died. */
export function startLocks({ home, port }: Location): string[] {
  try {
    const names = readdirSync(home).filter((name) => NAME.exec(name)?.[1] === String(port));
    return names.map((name) => join(home, name));
  } catch {
    return []; // not there, or not to be read: there is no lock to respect
  }
}

/** The files of contenders that may be starting a broker; removes the others. */
function liveLocks(location: Location): string[] {
  return startLocks(location).filter((path) => {
    const isLive = isRecent(path) && isHolderAlive(path);
    if (!isLive) remove(path);
    return isLive;
  });
}

function isRecent(path: string): boolean {
  try {
    // either way: the clock may have been set back since
    return Math.abs(Date.now() - statSync(path).mtimeMs) < START_LOCK_MAX_MS;
  } catch {
    return false; // it was just released
  }
}

/** By its start time too: the number of a process that died is used again. */
function isHolderAlive(path: string): boolean {
  const [, , pid, start] = NAME.exec(basename(path)) ?? [];
  try {
    process.kill(Number(pid), 0);
  } catch {
    return false; // gone, or another user's by now
  }
  return start === '' || start === startOf(Number(pid));
}

/** In clock ticks since boot, as Linux counts them; empty where the system does not say, or the process has ended. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the second field is the program's name in brackets, and may itself hold blanks and brackets
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? '' : (fields[18] ?? '');
  } catch {
    return '';
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // a read-only folder: the file counts for START_LOCK_MAX_MS at most
  }
}
