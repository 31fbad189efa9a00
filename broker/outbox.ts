/** Sends that arrive together share their statements, and each is answered when all are on disk. */
import type { Outgoing, Sent } from './store/sending.ts';
import type { Store } from './store/store.ts';
import type { Waiters } from './waiters.ts';

const BATCH_MAX = 256;

interface Pending {
  readonly message: Outgoing;
  resolve(sent: Sent): void;
  reject(error: unknown): void;
}

export class Outbox {
  readonly #store: Store;
  readonly #waiters: Waiters;
  #pending: Pending[] = [];
  /** A unit of work has been asked for that takes what is pending when it runs. */
  #asked = false;

  constructor(store: Store, waiters: Waiters) {
    this.#store = store;
    this.#waiters = waiters;
  }

  /** Resolves when the message is on disk, or with the reason why it was refused. */
  send(message: Outgoing): Promise<Sent> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ message, resolve, reject });
      this.#ask();
    });
  }

  #ask(): void {
    if (this.#asked || this.#pending.length === 0) return;
    this.#asked = true;
    void this.#deliver();
  }

  async #deliver(): Promise<void> {
    let batch: Pending[] = [];
    try {
      const results = await this.#write(() => {
        // it may run again: then with the same messages
        if (batch.length === 0) {
          batch = this.#pending.splice(0, BATCH_MAX);
          this.#asked = false;
          this.#ask();
        }
        return batch;
      });
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] as Sent);
    } catch (error) {
      if (batch.length === 0) {
        // it could not even begin
        batch = this.#pending.splice(0);
        this.#asked = false;
      }
      const [only] = batch;
      if (batch.length === 1) return only?.reject(error);
      // one of them may be to blame for all
      await Promise.all(batch.map((pending) => this.#deliverAlone(pending)));
    }
  }

  async #deliverAlone(pending: Pending): Promise<void> {
    try {
      const [sent] = await this.#write(() => [pending]);
      pending.resolve(sent as Sent);
    } catch (error) {
      pending.reject(error);
    }
  }

  #write(batch: () => readonly Pending[]): Promise<Sent[]> {
    return this.#store.write((u) =>
      u.sending.send(
        batch().map(({ message }) => message),
        (peer_id) => this.#waiters.of(peer_id),
      ),
    );
  }
}
