/** What has happened so far, and a way to wait for what has not: everything in these tests waits on one of these. */

export const PATIENCE_MS = 45_000;

interface Waiter<T> {
  matches(event: T): boolean;
  resolve(event: T): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

export interface Wait {
  /** How long to wait; generous by default, because two cores may run two clients at once. */
  readonly ms?: number;
  /** Only events at this index or later count: `log.size` taken before an action means "because of it". */
  readonly from?: number;
}

export class EventLog<T> {
  readonly #events: T[] = [];
  readonly #listeners: ((event: T) => void)[] = [];
  readonly #waiters = new Set<Waiter<T>>();
  readonly #what: string;
  readonly #describe: (event: T) => string;
  #closed: Error | undefined;

  /** @param what names the log in the error of a wait that failed; `describe` prints one event there */
  constructor(what: string, describe: (event: T) => string) {
    this.#what = what;
    this.#describe = describe;
  }

  get all(): readonly T[] {
    return this.#events;
  }

  get size(): number {
    return this.#events.length;
  }

  /** Calls the listener for every event, past and future. */
  each(listener: (event: T) => void): void {
    for (const event of this.#events) listener(event);
    this.#listeners.push(listener);
  }

  push(event: T): void {
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
    for (const waiter of this.#waiters) {
      if (!waiter.matches(event)) continue;
      this.#waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(event);
    }
  }

  /** The first event that matches, past or future. */
  until(matches: (event: T) => boolean, wait: Wait = {}): Promise<T> {
    const past = this.#events.slice(wait.from ?? 0).find(matches);
    if (past !== undefined) return Promise.resolve(past);
    if (this.#closed) return Promise.reject(this.#failure(this.#closed.message));
    const ms = wait.ms ?? PATIENCE_MS;
    const { promise, resolve, reject } = withResolvers<T>();
    const waiter: Waiter<T> = {
      matches,
      resolve,
      reject,
      timer: setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#failure(`nothing within ${ms} ms matched ${String(matches)}`));
      }, ms),
    };
    this.#waiters.add(waiter);
    return promise;
  }

  /** Nothing more will come: whoever still waits learns why, at once instead of after the timeout. */
  close(reason: string): void {
    this.#closed ??= new Error(reason);
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(this.#failure(reason));
    }
    this.#waiters.clear();
  }

  #failure(reason: string): Error {
    const seen = this.#events.map((event, index) => `  ${index}. ${this.#describe(event)}`);
    return new Error(`${this.#what}: ${reason}. So far:\n${seen.slice(-30).join('\n') || '  nothing'}`);
  }
}

/** A predicate that a failed wait prints as what was looked for, instead of as code. */
export function named<T>(matches: (event: T) => boolean, name: string): (event: T) => boolean {
  const predicate = (event: T) => matches(event);
  predicate.toString = () => name;
  return predicate;
}

/** Promise.withResolvers, which Node 20 does not have. */
export function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
