/**
 * Each session has one line: its newest request for mail. An older one may hang on a connection that broke without a word,
 * or come in late over one; what it took would wait for an answer that nobody gets.
 */
import { deferred } from '../shared/deferred.ts';

interface Line {
  /** The largest number of a request so far. */
  newest: number;
  /** The request that is being served. */
  serving: { readonly revoke: () => void; readonly over: Promise<void> } | undefined;
}

export class Lines {
  readonly #bySession = new Map<string, Line>();

  /**
   * Serves a request for mail after it has ended the session's older one. Call it before anything else is waited for.
   * @param revoke has this request hand out nothing more
   */
  async serve<T>(session_id: string, number: number, revoke: () => void, work: () => Promise<T>): Promise<T> {
    const line = this.#bySession.get(session_id) ?? { newest: 0, serving: undefined };
    this.#bySession.set(session_id, line);
    if (number < line.newest) {
      revoke();
      return work();
    }
    line.newest = number;
    const older = line.serving;
    const over = deferred<void>();
    const serving = { revoke, over: over.promise };
    line.serving = serving;
    try {
      older?.revoke();
      await older?.over;
      return await work();
    } finally {
      if (line.serving === serving) line.serving = undefined;
      over.resolve();
    }
  }

  /** The session ended. */
  forget(session_id: string): void {
    this.#bySession.delete(session_id);
  }
}
