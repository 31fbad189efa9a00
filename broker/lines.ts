/** Each session has one line: its newest request for mail. An older one is ended first, and then hands out nothing more. */
import { deferred } from '../shared/deferred.ts';

interface Serving {
  readonly revoke: () => void;
  readonly over: Promise<void>;
}

export class Lines {
  readonly #bySession = new Map<string, Serving>();

  /**
   * Serves a request for mail once the session's older one is over. Its connection may have broken without a word, and
   * what it took after the newer one has looked would wait for an answer that nobody gets.
   * @param revoke ends the wait of this request
   */
  async serve<T>(session_id: string, revoke: () => void, work: () => Promise<T>): Promise<T> {
    const over = deferred<void>();
    const serving = { revoke, over: over.promise };
    const older = this.#bySession.get(session_id);
    this.#bySession.set(session_id, serving);
    try {
      older?.revoke();
      await older?.over;
      return await work();
    } finally {
      if (this.#bySession.get(session_id) === serving) this.#bySession.delete(session_id);
      over.resolve();
    }
  }
}
