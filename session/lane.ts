/** Reports of one kind to the broker, in their order. What fails for now is sent again, ever more slowly, until it is taken. */
import { ERROR_KINDS, type PeersError, toPeersError } from '../shared/errors.ts';
import type { SessionLog } from './log.ts';

const BACKOFF_MIN_MS = 200;
const BACKOFF_MAX_MS = 5_000;

export interface LaneOptions<T> {
  /** For the log. */
  readonly what: string;
  /** Items that one call takes, at most. */
  readonly most: number;
  readonly log: SessionLog;
  send(items: readonly T[]): Promise<void>;
  /** Resolves after that time, or when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Whether one call can carry both; any two unless given. */
  together?(a: T, b: T): boolean;
}

/** The disk gets room, a broker starts, a bug is mended: the same call may succeed later. */
function mayPass({ code }: PeersError): boolean {
  const { status } = ERROR_KINDS[code];
  return status >= 500 || status === 429 || code === 'session_stale';
}

export class Lane<T> {
  readonly #options: LaneOptions<T>;
  readonly #closing = new AbortController();
  #waiting: T[] = [];
  /** Items for the next call: fewer after a refusal, until it is known which of them was refused. */
  #atOnce: number;
  #running: Promise<void> | undefined;

  constructor(options: LaneOptions<T>) {
    this.#options = options;
    this.#atOnce = options.most;
  }

  add(items: readonly T[]): void {
    this.#waiting.push(...items);
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Sends once more what waits, and then no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, what, most, sleep } = this.#options;
    const { signal } = this.#closing;
    let backoff = BACKOFF_MIN_MS;
    // what is added in the same moment goes with the same call
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      const isLastTry = signal.aborted;
      try {
        await this.#options.send(batch);
        this.#waiting.splice(0, batch.length);
        this.#atOnce = Math.min(most, 2 * this.#atOnce);
        if (backoff > BACKOFF_MIN_MS) log.info(`the broker takes them again: ${what}`);
        backoff = BACKOFF_MIN_MS;
      } catch (error) {
        const failure = toPeersError(error);
        if (mayPass(failure) && !isLastTry) {
          if (backoff === BACKOFF_MIN_MS)
            log.warn(`the broker could not take them yet, they are sent again: ${what}`, { code: failure.code });
          await sleep(backoff * (0.5 + Math.random()), signal);
          backoff = Math.min(2 * backoff, BACKOFF_MAX_MS);
        } else if (failure.code === 'session_superseded' || failure.code === 'cancelled' || isLastTry) {
          // this session is over
          log.warn(`given up: ${what}`, { code: failure.code, items: this.#waiting.length });
          this.#waiting = [];
        } else if (batch.length > 1) {
          this.#atOnce = Math.ceil(batch.length / 2);
        } else {
          log.warn(`the broker refuses one of them, it is dropped: ${what}`, {
            code: failure.code,
            message: failure.message,
          });
          this.#waiting.shift();
        }
      }
    }
    this.#running = undefined;
  }

  #next(): T[] {
    const { together = () => true } = this.#options;
    const [first, ...others] = this.#waiting.slice(0, this.#atOnce);
    if (first === undefined) return [];
    const end = others.findIndex((item) => !together(first, item));
    return [first, ...(end < 0 ? others : others.slice(0, end))];
  }
}
