/**
 * Presence by connection: a session is attached while it holds a request. When its last one ends without another
 * following within the grace, it leaves discovery; a killed process is noticed by the closing of its socket.
 */
import { DETACH_GRACE_MS, LEASE_MS } from '../shared/limits.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';
import type { Store } from './store/store.ts';

interface Attachment {
  /** Requests held now. */
  held: number;
  grace: NodeJS.Timeout | undefined;
  /** The store has it as attached. */
  marked: boolean;
  /** It has leases to renew. */
  leasing: boolean;
}

export class Presence {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #attachments = new Map<string, Attachment>();
  readonly #renewal: NodeJS.Timeout;
  readonly #onDetached: (peer_id: string) => void;
  #closed = false;

  /** @param deps.onDetached hears of peers that nobody serves any more */
  constructor(deps: { store: Store; clock: Clock; log: Logger; onDetached: (peer_id: string) => void }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#onDetached = deps.onDetached;
    this.#renewal = setInterval(() => this.#renew(), LEASE_MS / 3);
    this.#renewal.unref();
  }

  /** Sessions with a connection or within the grace after one. */
  get count(): number {
    return this.#attachments.size;
  }

  /** Whether a connection of this session is open at this moment. */
  isHeld(session_id: string): boolean {
    return (this.#attachments.get(session_id)?.held ?? 0) > 0;
  }

  /** A just registered session is attached though it holds nothing yet. */
  async registered(session_id: string): Promise<void> {
    await this.hold(session_id, { marked: true });
    this.release(session_id);
  }

  /** Call {@link release} once for each. */
  async hold(session_id: string, known: { marked: boolean } = { marked: false }): Promise<void> {
    let attachment = this.#attachments.get(session_id);
    if (!attachment) {
      attachment = { held: 0, grace: undefined, marked: known.marked, leasing: false };
      this.#attachments.set(session_id, attachment);
    }
    attachment.held += 1;
    clearTimeout(attachment.grace);
    attachment.grace = undefined;
    if (!attachment.marked) {
      attachment.marked = true;
      try {
        await this.#store.markAttached(session_id, this.#clock.now());
      } catch (error) {
        attachment.marked = false;
        throw error;
      }
    }
  }

  release(session_id: string): void {
    const attachment = this.#attachments.get(session_id);
    if (!attachment) return;
    attachment.held -= 1;
    if (attachment.held > 0 || this.#closed) return;
    attachment.grace = setTimeout(() => void this.#detach(session_id), DETACH_GRACE_MS);
    attachment.grace.unref();
  }

  leasing(session_id: string): void {
    const attachment = this.#attachments.get(session_id);
    if (attachment) attachment.leasing = true;
  }

  /** The session ended: nothing more to watch. */
  forget(session_id: string): void {
    clearTimeout(this.#attachments.get(session_id)?.grace);
    this.#attachments.delete(session_id);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#renewal);
    for (const { grace } of this.#attachments.values()) clearTimeout(grace);
    this.#attachments.clear();
  }

  async #detach(session_id: string): Promise<void> {
    this.#attachments.delete(session_id);
    try {
      const peer_id = await this.#store.markDetached(session_id, this.#clock.now());
      this.#log.info({ session_id }, 'session detached');
      if (peer_id !== undefined) this.#onDetached(peer_id);
    } catch (error) {
      this.#log.error({ err: error, session_id }, 'could not note that a session detached');
      if (this.#closed || this.#attachments.has(session_id)) return;
      // others would see it as present for ever: try again, unless it comes back
      const grace = setTimeout(() => void this.#detach(session_id), DETACH_GRACE_MS);
      grace.unref();
      this.#attachments.set(session_id, { held: 0, grace, marked: true, leasing: false });
    }
  }

  #renew(): void {
    const ids = [...this.#attachments].filter(([, { leasing }]) => leasing).map(([id]) => id);
    if (ids.length === 0) return;
    this.#store.renewLeases(ids, this.#clock.now()).catch((error: unknown) => {
      this.#log.error({ err: error }, 'could not renew leases');
    });
  }
}
