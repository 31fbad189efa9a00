/** A bound on how many messages one sender may send within any minute. */
import { PeersError } from '../../shared/errors.ts';

const WINDOW_MS = 60_000;

export class RateLimiter {
  readonly #perMinute: number;
  readonly #sent = new Map<string, number[]>();

  /** @param perMinute 0 turns the limit off */
  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /**
   * Counts one message of the sender.
   * @param now monotonic ms: a wall clock that jumps must not lock anybody out
   * @throws PeersError `rate_limited`, with the seconds to wait
   */
  take(sender: string, now: number): void {
    if (this.#perMinute === 0) return;
    const recent = (this.#sent.get(sender) ?? []).filter((at) => now - at < WINDOW_MS);
    const oldest = recent[0];
    if (oldest !== undefined && recent.length >= this.#perMinute) {
      this.#sent.set(sender, recent);
      const seconds = Math.ceil((oldest + WINDOW_MS - now) / 1000);
      throw new PeersError(
        'rate_limited',
        `More than ${this.#perMinute} messages within a minute.`,
        `Wait ${seconds} s, then send again; put what belongs together into one message.`,
        { retryAfterS: seconds },
      );
    }
    recent.push(now);
    this.#sent.set(sender, recent);
  }

  /** Forgets senders that were silent for a minute. */
  prune(now: number): void {
    for (const [sender, times] of this.#sent) {
      const newest = times.at(-1);
      if (newest === undefined || now - newest >= WINDOW_MS) this.#sent.delete(sender);
    }
  }
}
