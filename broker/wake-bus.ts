/**
 * Between brokers on one database: hints that something about these ids changed. Truth is in the database; a hint that
 * gets lost costs seconds, since every broker also looks by itself now and then.
 */

/** Ids of peers, sessions and messages; `all`: too many to name, or some may have been lost. */
export type Hint = ReadonlySet<string> | 'all';

export interface WakeBus {
  publish(ids: Iterable<string>): void;
  /** Hears what other brokers published, and perhaps what this one did. @returns ends that */
  subscribe(listener: (hint: Hint) => void): () => void;
  close(): Promise<void>;
}

/** For a broker that is alone with its database. */
export class NoWakeBus implements WakeBus {
  publish(): void {}

  subscribe(): () => void {
    return () => {};
  }

  async close(): Promise<void> {}
}
