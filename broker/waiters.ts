/**
 * The sessions that hold a request for mail at this moment. What is sent to their peers is leased to them in the commit
 * that stores it, and goes out as their answer: nothing is looked up between a message and its reader.
 */
import type { InboxMessage } from '../shared/contract/types.ts';
import type { Handed, WaitingSession } from './store/store.ts';

interface Waiter extends WaitingSession {
  take(messages: readonly InboxMessage[]): void;
}

export class Waiters {
  readonly #byPeer = new Map<string, Waiter>();

  /**
   * The session waits from now on, until it is handed something or leaves.
   * @returns leaves
   */
  join(waiting: WaitingSession, take: Waiter['take']): () => void {
    const waiter = { ...waiting, take };
    this.#byPeer.set(waiting.session.peer_id, waiter);
    return () => this.#leave(waiter);
  }

  of(peer_id: string): WaitingSession | undefined {
    return this.#byPeer.get(peer_id);
  }

  /**
   * What one commit leased to waiting sessions. Where the request was over meanwhile, its last look or the session's
   * next request finds what was leased for it: no answer has brought that.
   */
  hand(leased: readonly Handed[]): void {
    const byPeer = new Map<string, Handed[]>();
    for (const handed of leased) {
      const { peer_id } = handed.to.session;
      byPeer.set(peer_id, [...(byPeer.get(peer_id) ?? []), handed]);
    }
    for (const [peer_id, handed] of byPeer) {
      const waiter = this.#byPeer.get(peer_id);
      if (!waiter) continue;
      const own = handed.filter(({ to }) => to.session.id === waiter.session.id && to.request === waiter.request);
      if (own.length === 0) continue;
      this.#leave(waiter);
      waiter.take(own.map(({ message }) => message));
    }
  }

  #leave(waiter: Waiter): void {
    if (this.#byPeer.get(waiter.session.peer_id) === waiter) this.#byPeer.delete(waiter.session.peer_id);
  }
}
