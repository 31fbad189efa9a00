/** Follows the event log for those who read it live. A wake-up is a hint: what counts is what the log says. */

import type { BrokerEvent } from '../shared/contract/types.ts';
import { deferred } from '../shared/deferred.ts';
import type { Cursor } from './store/events.ts';
import type { Store } from './store/store.ts';

const PAGE = 500;

export interface FeedOptions {
  readonly store: Store;
  /** How long a wake-up may be lost, ms; undefined where none can be. */
  readonly sweepMs: number | undefined;
}

export class Feed {
  readonly #options: FeedOptions;
  #changed = deferred<void>();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** There may be new events. */
  wake(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  /**
   * Pages of events after the cursor, for as long as the signal lets it.
   * @param of only what concerns this peer
   */
  async *follow(from: Cursor, of: string | undefined, signal: AbortSignal): AsyncGenerator<readonly BrokerEvent[]> {
    let cursor = from;
    while (!signal.aborted) {
      // taken before looking, so that nothing that comes meanwhile is missed
      const changed = this.#changed.promise;
      const { events, upTo } = await this.#options.store.read((u) => u.events.after(cursor, PAGE, of));
      cursor = upTo;
      if (events.length > 0) yield events;
      else await this.#until(changed, signal);
    }
  }

  #until(changed: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = deferred<void>();
    const finish = () => over.resolve();
    const { sweepMs } = this.#options;
    const timer = sweepMs === undefined ? undefined : setTimeout(finish, sweepMs);
    signal.addEventListener('abort', finish, { once: true });
    if (signal.aborted) finish();
    void changed.then(finish);
    return over.promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
    });
  }
}
