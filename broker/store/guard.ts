/**
 * Sees to it that what a broker acknowledges can be found again. It looks whether the database's files are in their
 * place before a commit is acknowledged, and once a second. When they are not, every call is refused, what the process
 * still has is saved, the database is closed, and the broker may end.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PeersError, toPeersError } from '../../shared/errors.ts';

const LOOK_MS = 1_000;
const RETRY_MS = 2_000;

/** One try to save what a database held whose files are gone. */
export interface Loss {
  /** What happened to the files; what every call gets from now on. */
  readonly error: PeersError;
  /** Where everything is that was committed; undefined where nothing could be, or was to be, saved. */
  readonly saved: string | undefined;
  /** Why it could not be saved. */
  readonly trouble: PeersError | undefined;
  /** The database is closed: the broker can do no more with it. Otherwise saving is tried again. */
  readonly isOver: boolean;
}

export interface GuardOptions {
  readonly path: string;
  /** Folder for what is saved where the database's place is taken. */
  readonly backups: string;
  /** What happened to the files; undefined while they are in their place. */
  trouble(): string | undefined;
  /** Saves everything. @returns where it is */
  rescue(): Promise<string>;
  close(): Promise<void>;
  /** Whether anybody still wants it: whoever deleted the secret too wants nothing kept. */
  isWanted(): boolean;
  onLoss(loss: Loss): void;
}

export class Guard {
  readonly #options: GuardOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #closing = new AbortController();
  #loss: PeersError | undefined;
  #rescuing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** What every call gets once the files are gone. */
  get loss(): PeersError | undefined {
    return this.#loss;
  }

  /** @throws PeersError `database_gone` */
  assertUsable(): void {
    if (this.#loss) throw this.#loss;
  }

  /** To be called between a commit and its acknowledgement. @throws PeersError `database_gone` */
  assertInPlace(): void {
    this.#look();
    this.assertUsable();
  }

  /** Closes the database, after a last look; may be called again. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#look();
    clearInterval(this.#timer);
    this.#closed ??= this.#rescuing ?? this.#options.close();
    await this.#closed;
  }

  #look(): void {
    if (this.#loss || this.#closed) return;
    const what = this.#options.trouble();
    if (what === undefined) return;
    clearInterval(this.#timer);
    this.#loss = this.#gone(what);
    this.#rescuing = this.#rescue(what);
  }

  async #rescue(what: string): Promise<void> {
    const { rescue, close, isWanted, onLoss } = this.#options;
    for (;;) {
      const error = this.#gone(what);
      let saved: string | undefined;
      let trouble: PeersError | undefined;
      try {
        if (isWanted()) saved = await rescue();
      } catch (thrown) {
        trouble = toPeersError(thrown);
      }
      // there may be room or a right to write later; a damaged database cannot be copied, and was told before
      const mayWork = trouble !== undefined && trouble.code !== 'database_damaged';
      const isOver = !mayWork || this.#closing.signal.aborted;
      // nothing depends on it any more: its files are gone
      if (isOver) await close().catch(() => {});
      else this.#loss = this.#gone(what, trouble);
      onLoss({ error, saved, trouble, isOver });
      if (isOver) return;
      await delay(RETRY_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
    }
  }

  #gone(what: string, trouble?: PeersError): PeersError {
    const { path, backups } = this.#options;
    return trouble === undefined
      ? new PeersError(
          'database_gone',
          `${what} while the broker ran.`,
          `Nothing acknowledged is lost: the broker puts it back as ${path} where that name is free, else it saves it in ${backups}; then it ends. Call again in a moment. To change the database, run agent-peers kill-broker first.`,
        )
      : new PeersError(
          'database_gone',
          `${what} while the broker ran, and what it held could not be saved yet: ${trouble.message}`,
          `Let the broker run: it tries again every ${RETRY_MS / 1000} s, and ends once it has saved everything. ${trouble.hint}`,
        );
  }
}
