/**
 * Reports of one kind to the broker, in their order. What fails for now is sent again, ever more slowly, until the broker
 * has taken it. An item that fails alone, time and again, is set aside and holds up no other.
 */
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
  /** Whether the later one makes the earlier one pointless, should it be sent after it; never unless given. */
  replaces?(later: T, earlier: T): boolean;
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
  /** Each failed alone with `internal`, time and again: sent again, alone, whenever nothing else waits. */
  #aside: T[] = [];
  /** Items for the next call: fewer after a failure that one of them may have caused, until it is known which. */
  #atOnce: number;
  #running: Promise<void> | undefined;

  constructor(options: LaneOptions<T>) {
    this.#options = options;
    this.#atOnce = options.most;
  }

  add(items: readonly T[]): void {
    this.#waiting.push(...items);
    this.#aside = this.#aside.filter((earlier) => !this.#isReplaced(earlier, items));
    if (this.#waiting.length > 0) this.#running ??= this.#run();
  }

  /** Sends once more what waits, and then no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { log, what, sleep } = this.#options;
    const { signal } = this.#closing;
    let backoff = BACKOFF_MIN_MS;
    // what is added in the same moment goes with the same call
    await Promise.resolve();
    while (this.#waiting.length + this.#aside.length > 0) {
      const isAside = this.#waiting.length === 0;
      const batch = isAside ? this.#aside.slice(0, 1) : this.#next();
      const isLastTry = signal.aborted;
      try {
        await this.#options.send(batch);
        this.#taken(batch, isAside);
        if (backoff > BACKOFF_MIN_MS) log.info(`the broker takes ${what} again`);
        backoff = BACKOFF_MIN_MS;
      } catch (error) {
        const failure = toPeersError(error);
        const { code, message } = failure;
        if (mayPass(failure) && !isLastTry) {
          if (backoff === BACKOFF_MIN_MS && !isAside)
            log.warn(`could not send ${what}; trying again`, { code, message });
          if (code === 'internal' && backoff === BACKOFF_MAX_MS && !isAside) this.#isolate(batch);
          await sleep(backoff * (0.5 + Math.random()), signal);
          backoff = Math.min(2 * backoff, BACKOFF_MAX_MS);
        } else if (code === 'session_superseded' || code === 'cancelled' || isLastTry) {
          // this session is over
          log.warn(`could not send ${what}`, { code, items: this.#waiting.length + this.#aside.length });
          this.#waiting = [];
          this.#aside = [];
        } else if (batch.length > 1) {
          this.#atOnce = Math.ceil(batch.length / 2);
        } else {
          log.warn(`the broker refused one item of ${what}; it is dropped`, { code, message });
          this.#taken(batch, isAside);
        }
      }
    }
    this.#running = undefined;
  }

  #taken(batch: readonly T[], isAside: boolean): void {
    if (isAside) {
      this.#aside = this.#aside.filter((item) => item !== batch[0]);
    } else {
      this.#waiting.splice(0, batch.length);
      this.#atOnce = Math.min(this.#options.most, 2 * this.#atOnce);
    }
  }

  /** One of them may be what the broker cannot handle: halves them, and sets the last one aside. */
  #isolate(batch: readonly T[]): void {
    const [first] = batch;
    if (batch.length > 1) {
      this.#atOnce = Math.ceil(batch.length / 2);
    } else if (first !== undefined && this.#waiting.length > 1) {
      this.#waiting.shift();
      if (!this.#isReplaced(first, this.#waiting)) this.#aside.push(first);
    }
  }

  #isReplaced(earlier: T, later: readonly T[]): boolean {
    const { replaces = () => false } = this.#options;
    return later.some((item) => replaces(item, earlier));
  }

  #next(): T[] {
    const { together = () => true } = this.#options;
    const [first, ...others] = this.#waiting.slice(0, this.#atOnce);
    if (first === undefined) return [];
    const end = others.findIndex((item) => !together(first, item));
    return [first, ...(end < 0 ? others : others.slice(0, end))];
  }
}
