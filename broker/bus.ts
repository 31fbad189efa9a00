/** The wake bus: tells whoever holds a request or waits for news that something about a mailbox changed. */
import { EventEmitter } from 'node:events';
import { deferred } from '../shared/deferred.ts';
import type { Entry } from './core/mailbox.ts';

export type BusEvent =
  /** new or requeued mail in the mailbox of this peer */
  | { kind: 'mail'; peer_id: string }
  /** the entry of a message was pushed or confirmed, or its push failed: what is new about it */
  | { kind: 'entry'; message_id: string; news: Partial<Entry> }
  /** this session has ended: nobody may serve it any more */
  | { kind: 'session-ended'; session_id: string }
  /** this session serves another peer from now on: a request that it holds waits for the wrong mail */
  | { kind: 'session-moved'; session_id: string };

type Kind = BusEvent['kind'];
type EventOf<K extends Kind> = Extract<BusEvent, { kind: K }>;

export interface Bus {
  publish(event: BusEvent): void;
  /** @returns ends the subscription */
  subscribe<K extends Kind>(kind: K, id: string, listener: (event: EventOf<K>) => void): () => void;
}

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

/** For a broker that is alone with its database. */
export class LocalBus implements Bus {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  publish(event: BusEvent): void {
    this.#emitter.emit(topic(event), event);
  }

  subscribe<K extends Kind>(kind: K, id: string, listener: (event: EventOf<K>) => void): () => void {
    const name = `${kind} ${id}`;
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }
}

/** The first such event, or undefined after `ms` or when the signal aborts. */
export function waitFor<K extends Kind>(
  bus: Bus,
  kind: K,
  id: string,
  ms: number,
  signal: AbortSignal,
): Promise<EventOf<K> | undefined> {
  const { promise, resolve } = deferred<EventOf<K> | undefined>();
  const giveUp = () => finish(undefined);
  const finish = (event: EventOf<K> | undefined) => {
    clearTimeout(timer);
    unsubscribe();
    signal.removeEventListener('abort', giveUp);
    resolve(event);
  };
  const timer = setTimeout(giveUp, ms);
  const unsubscribe = bus.subscribe(kind, id, finish);
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  return promise;
}
