/**
 * Of several processes that would do the same, one goes first. Each makes an empty file of its own in a folder, whose
 * name says all there is to know. It goes on if it then sees no other live contender, else it withdraws. Of two
 * contenders at least one sees the other, so two never go on. No name is used twice, so whoever removes the file of a
 * process that died can remove no other file with it.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isStillRunning, startOf } from './process-identity.ts';

/** `<what>.<pid>.<start of the process, empty where unknown>.<random>` */
const NAME = /^(.+)\.(\d+)\.(\d*)\.[0-9a-f]{8}$/;

export interface Contender {
  readonly path: string;
  readonly pid: number;
  readonly start: string;
}

export class Contenders {
  readonly #folder: string;
  readonly #what: string;
  readonly #counts: (path: string) => boolean;

  /**
   * @param what they contend for
   * @param counts whether a live process's file still counts; always, unless given
   */
  constructor(folder: string, what: string, counts: (path: string) => boolean = () => true) {
    this.#folder = folder;
    this.#what = what;
    this.#counts = counts;
  }

  /** All of them, also those that have died. */
  all(): Contender[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch {
      return []; // not there, or not to be read: there is none to respect
    }
    return names.flatMap((name) => {
      const [, what, pid, start = ''] = NAME.exec(name) ?? [];
      return what === this.#what ? [{ path: join(this.#folder, name), pid: Number(pid), start }] : [];
    });
  }

  /** Those that live, but for the one of this path; removes the files of the others. */
  others(own?: string): Contender[] {
    return this.all().filter((contender) => {
      const { path, pid, start } = contender;
      if (path === own) return false;
      const isLive = this.#counts(path) && isStillRunning(pid, start);
      if (!isLive) this.withdraw(path);
      return isLive;
    });
  }

  /**
   * @returns the path of the file that it makes
   * @throws the system's error
   */
  announce(): string {
    const name = `${this.#what}.${process.pid}.${startOf(process.pid)}.${randomBytes(4).toString('hex')}`;
    const path = join(this.#folder, name);
    closeSync(openSync(path, 'wx', 0o600));
    return path;
  }

  withdraw(path: string): void {
    try {
      rmSync(path, { force: true });
    } catch {
      // a read-only folder: the file counts as long as its process runs
    }
  }
}
