/** The wake bus: tells whoever holds a request or waits for news that something about a mailbox changed. */
import { EventEmitter } from 'node:events';

export type BusEvent =
  /** new or requeued mail in the mailbox of this peer */
  | { kind: 'mail'; peer_id: string }
  /** the entry of a message was pushed or confirmed, or its push failed */
  | { kind: 'entry'; message_id: string }
  /** this session has ended: nobody may serve it any more */
  | { kind: 'session-ended'; session_id: string };

export interface Bus {
  publish(event: BusEvent): void;
  /** @returns ends the subscription */
  subscribe(kind: BusEvent['kind'], id: string, listener: () => void): () => void;
}

function topic(event: BusEvent): string {
  switch (event.kind) {
    case 'mail':
      return `mail ${event.peer_id}`;
    case 'entry':
      return `entry ${event.message_id}`;
    case 'session-ended':
      return `session-ended ${event.session_id}`;
  }
}

/** For a broker that is alone with its database. */
export class LocalBus implements Bus {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  publish(event: BusEvent): void {
    this.#emitter.emit(topic(event));
  }

  subscribe(kind: BusEvent['kind'], id: string, listener: () => void): () => void {
    const name = `${kind} ${id}`;
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }
}

/** Resolves at the first such event, after `ms`, or when the signal aborts; true for the event. */
export function waitFor(
  bus: Bus,
  kind: BusEvent['kind'],
  id: string,
  ms: number,
  signal?: AbortSignal,
): { happened: Promise<boolean>; cancel: () => void } {
  let finish: (value: boolean) => void = () => {};
  const happened = new Promise<boolean>((resolve) => {
    const done = (value: boolean) => {
      clearTimeout(timer);
      unsubscribe();
      signal?.removeEventListener('abort', onAbort);
      resolve(value);
    };
    const onAbort = () => done(false);
    const timer = setTimeout(() => done(false), ms);
    const unsubscribe = bus.subscribe(kind, id, () => done(true));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) done(false);
    finish = done;
  });
  return { happened, cancel: () => finish(false) };
}
