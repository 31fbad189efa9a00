/**
 * News within this broker: tells whoever holds a request or waits for a receipt that something changed. It is fed by what
 * commits here, and by hints from other brokers on the same database (wake-bus.ts).
 */
import { EventEmitter } from 'node:events';
import type { Entry } from './core/mailbox.ts';

export type BusEvent =
  /** new or requeued mail in the mailbox of this peer, or room for more of it */
  | { kind: 'mail'; peer_id: string }
  /** the entry of a message was pushed or confirmed, or its push failed: what is new about it */
  | { kind: 'entry'; message_id: string; peer_id: string; news: Partial<Entry> }
  /** this session has ended: nobody may serve it any more */
  | { kind: 'session-ended'; session_id: string }
  /** this session serves another peer from now on: a request that it holds waits for the wrong mail */
  | { kind: 'session-moved'; session_id: string };

type Kind = BusEvent['kind'];
type EventOf<K extends Kind> = Extract<BusEvent, { kind: K }>;

function topic(event: BusEvent): string {
  switch (event.kind) {
    case 'mail':
      return `mail ${event.peer_id}`;
    case 'entry':
      return `entry ${event.message_id}`;
    case 'session-ended':
    case 'session-moved':
      return `${event.kind} ${event.session_id}`;
  }
}

export class Bus {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  publish(event: BusEvent): void {
    this.#emitter.emit(topic(event), event);
  }

  /** @returns ends the subscription */
  subscribe<K extends Kind>(kind: K, id: string, listener: (event: EventOf<K>) => void): () => void {
    const name = `${kind} ${id}`;
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }

  /** Has all who wait for mail look, for whatever reason. */
  wakeAll(): void {
    for (const name of this.#emitter.eventNames()) {
      const [kind, id] = String(name).split(' ', 2);
      if (kind === 'mail' && id !== undefined) this.publish({ kind, peer_id: id });
    }
  }
}
