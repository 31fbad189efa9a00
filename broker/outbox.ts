/** Group commit: sends that arrive together are written together, and each is answered when all are on disk. */
import type { Clock } from './clock.ts';
import type { Outgoing, Sent, Store } from './store/store.ts';
import type { Waiters } from './waiters.ts';

const BATCH_MAX = 256;

interface Pending {
  readonly message: Outgoing;
  resolve(sent: Sent): void;
  reject(error: unknown): void;
}

export class Outbox {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #waiters: Waiters;
  #pending: Pending[] = [];
  #writing = false;

  constructor(store: Store, clock: Clock, waiters: Waiters) {
    this.#store = store;
    this.#clock = clock;
    this.#waiters = waiters;
  }

  /** Resolves when the message is on disk, or with the reason why it was refused. */
  send(message: Outgoing): Promise<Sent> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ message, resolve, reject });
      if (this.#writing) return;
      this.#writing = true;
      // requests whose bytes are already here get into the same commit
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, BATCH_MAX);
      try {
        const results = await this.#store.sendMessages(
          batch.map(({ message }) => message),
          this.#clock.now(),
          (peer_id) => this.#waiters.of(peer_id),
        );
        this.#waiters.hand(results.flatMap((sent) => (sent.ok && sent.handed) || []));
        batch.forEach(({ resolve, reject }, i) => {
          const sent = results[i];
          if (sent) resolve(sent);
          else reject(new Error('the store gave no result for a message'));
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      await new Promise(setImmediate);
    }
    this.#writing = false;
  }
}
