/**
 * A session has one request for mail at a time; a newer one ends the older. The older may hang on a connection that
 * broke silently, or come in late over one: nobody gets an answer to it, so it must not take messages.
 */
import { deferred } from '../shared/deferred.ts';

interface Requests {
  /** The largest number of a request so far. */
  newest: number;
  /** The request that is being served. */
  serving: { readonly revoke: () => void; readonly over: Promise<void> } | undefined;
}

export class NewestRequests {
  readonly #bySession = new Map<string, Requests>();

  /**
   * Serves a request for mail after it has ended the session's older one. Call it before anything else is waited for.
   * @param revoke has this request hand out nothing more
   */
  async serve<T>(session_id: string, number: number, revoke: () => void, work: () => Promise<T>): Promise<T> {
    const requests = this.#bySession.get(session_id) ?? { newest: 0, serving: undefined };
    this.#bySession.set(session_id, requests);
    if (number < requests.newest) {
      revoke();
      return work();
    }
    requests.newest = number;
    const older = requests.serving;
    const over = deferred<void>();
    const serving = { revoke, over: over.promise };
    requests.serving = serving;
    try {
      older?.revoke();
      await older?.over;
      return await work();
    } finally {
      if (requests.serving === serving) requests.serving = undefined;
      over.resolve();
    }
  }

  /** The session ended. */
  forget(session_id: string): void {
    this.#bySession.delete(session_id);
  }
}
