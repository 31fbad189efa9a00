/**
 * Presence by connection: a session is attached while it holds a request. When its last one ends without another
 * following within the grace, it leaves discovery; a killed process is noticed by the closing of its socket.
 */
import { DETACH_GRACE_MS, LEASE_MS } from '../shared/limits.ts';
import type { Ids } from './clock.ts';
import { tellWatchers } from './idle-watch.ts';
import type { Logger } from './log.ts';
import type { SessionRecord } from './store/sessions.ts';
import type { Store } from './store/store.ts';

interface Attachment {
  peer_id: string;
  /** Requests held now. */
  held: number;
  grace: NodeJS.Timeout | undefined;
  /** The number that the store gave this attachment; undefined while the store does not have it as attached. */
  number: number | undefined;
  /** It has leases to renew. */
  leasing: boolean;
}

export class Presence {
  readonly #deps: { store: Store; ids: Ids; log: Logger };
  readonly #attachments = new Map<string, Attachment>();
  readonly #renewal: NodeJS.Timeout;
  #closed = false;

  constructor(deps: { store: Store; ids: Ids; log: Logger }) {
    this.#deps = deps;
    this.#renewal = setInterval(() => this.#renew(), LEASE_MS / 3);
    this.#renewal.unref();
  }

  /** Sessions with a connection or within the grace after one, with the peer that each serves. */
  get attached(): ReadonlyMap<string, string> {
    return new Map([...this.#attachments].map(([id, { peer_id }]) => [id, peer_id]));
  }

  /** Whether a connection of this session is open at this moment. */
  isHeld(session_id: string): boolean {
    return (this.#attachments.get(session_id)?.held ?? 0) > 0;
  }

  /** A just registered session is attached though it holds nothing yet. @param number of its first attachment */
  registered({ id, peer_id }: SessionRecord, number: number): void {
    this.#attachments.set(id, { peer_id, held: 1, grace: undefined, number, leasing: false });
    this.release(id);
  }

  /** Call {@link release} once for each. */
  async hold({ id, peer_id }: SessionRecord): Promise<void> {
    let attachment = this.#attachments.get(id);
    if (!attachment) {
      attachment = { peer_id, held: 0, grace: undefined, number: undefined, leasing: false };
      this.#attachments.set(id, attachment);
    }
    attachment.held += 1;
    clearTimeout(attachment.grace);
    attachment.grace = undefined;
    if (attachment.number === undefined) await this.#attach(id, attachment);
  }

  release(session_id: string): void {
    const attachment = this.#attachments.get(session_id);
    if (!attachment) return;
    attachment.held -= 1;
    if (attachment.held > 0 || this.#closed) return;
    attachment.grace = setTimeout(() => void this.#detach(session_id, attachment), DETACH_GRACE_MS);
    attachment.grace.unref();
  }

  leasing(session_id: string): void {
    const attachment = this.#attachments.get(session_id);
    if (attachment) attachment.leasing = true;
  }

  /** The session serves another peer from now on. */
  moved(session_id: string, peer_id: string): void {
    const attachment = this.#attachments.get(session_id);
    if (attachment) attachment.peer_id = peer_id;
  }

  /** The session ended: nothing more to watch. */
  forget(session_id: string): void {
    clearTimeout(this.#attachments.get(session_id)?.grace);
    this.#attachments.delete(session_id);
  }

  /** Others took this broker for dead and detached its sessions: those that are here attach again. */
  async attachAgain(): Promise<void> {
    for (const [id, attachment] of this.#attachments) await this.#attach(id, attachment);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#renewal);
    for (const { grace } of this.#attachments.values()) clearTimeout(grace);
    this.#attachments.clear();
  }

  async #attach(id: string, attachment: Attachment): Promise<void> {
    const attached = await this.#deps.store.note((u) => u.sessions.attach(id));
    attachment.number = attached?.attachment;
  }

  async #detach(session_id: string, attachment: Attachment): Promise<void> {
    const { store, ids, log } = this.#deps;
    this.#attachments.delete(session_id);
    const { number } = attachment;
    if (number === undefined) return;
    try {
      await store.note(async (u) => {
        const peer_id = await u.sessions.detach(session_id, number);
        if (peer_id !== undefined) await tellWatchers(u, peer_id, 'offline', ids);
      });
      log.info({ session_id }, 'session detached');
    } catch (error) {
      log.error({ err: error, session_id }, 'could not note that a session detached');
      if (this.#closed || this.#attachments.has(session_id)) return;
      // others would see it as present for ever: try again, unless it comes back
      attachment.grace = setTimeout(() => void this.#detach(session_id, attachment), DETACH_GRACE_MS);
      attachment.grace.unref();
      this.#attachments.set(session_id, attachment);
    }
  }

  #renew(): void {
    const ids = [...this.#attachments].filter(([, { leasing }]) => leasing).map(([id]) => id);
    if (ids.length === 0) return;
    this.#deps.store
      .note((u) => u.mailbox.renew(ids))
      .catch((error: unknown) => {
        this.#deps.log.error({ err: error }, 'could not renew leases');
      });
  }
}
