/**
 * The sessions that hold a request for mail at this moment. What is sent to their peers is leased to them in the commit
 * that stores it, and goes out as their answer: nothing is looked up between a message and its reader.
 */
import type { InboxMessage } from '../shared/contract/types.ts';
import type { Handed, SessionRecord } from './store/store.ts';

interface Waiter {
  readonly session: SessionRecord;
  take(messages: readonly InboxMessage[]): void;
}

export class Waiters {
  readonly #byPeer = new Map<string, Waiter>();
  /** Sessions whose request was over before what was leased to them could be its answer. */
  readonly #missed = new Set<string>();

  /**
   * The session waits from now on, until it is handed something or leaves.
   * @returns leaves
   */
  join(session: SessionRecord, take: Waiter['take']): () => void {
    const waiter = { session, take };
    this.#byPeer.set(session.peer_id, waiter);
    return () => this.#leave(waiter);
  }

  of(peer_id: string): SessionRecord | undefined {
    return this.#byPeer.get(peer_id)?.session;
  }

  /** What one commit leased to waiting sessions. */
  hand(leased: readonly Handed[]): void {
    const bySession = new Map<SessionRecord, InboxMessage[]>();
    for (const { session, message } of leased) bySession.set(session, [...(bySession.get(session) ?? []), message]);
    for (const [session, messages] of bySession) {
      const waiter = this.#byPeer.get(session.peer_id);
      if (waiter?.session.id === session.id) {
        this.#leave(waiter);
        waiter.take(messages);
      } else {
        this.#missed.add(session.id);
      }
    }
  }

  /** Whether something was leased to the session that it was not handed. */
  hasMissed(session_id: string): boolean {
    return this.#missed.has(session_id);
  }

  /** It is being told all that it has. */
  catchesUp(session_id: string): void {
    this.#missed.delete(session_id);
  }

  #leave(waiter: Waiter): void {
    if (this.#byPeer.get(waiter.session.peer_id) === waiter) this.#byPeer.delete(waiter.session.peer_id);
  }
}
