/** Pushes what arrives by the session's one route, in order, and tells the broker what became of it. */
import type { InboxMessage, PushRoute } from '../../shared/contract/types.ts';
import type { Inbox } from '../inbox.ts';
import type { SessionLog } from '../log.ts';
import type { Route } from './route.ts';

export interface DispatchOptions {
  readonly inbox: Inbox;
  readonly log: SessionLog;
  /** Tells the broker; must not throw. */
  note(message_ids: readonly string[], route: PushRoute, error?: string): void;
  /** True for a message that a waiting tool call is about to take. */
  isAwaited(message: InboxMessage): boolean;
}

export class Dispatcher {
  readonly #options: DispatchOptions;
  #route: Route | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** The client can be reached from now on; what arrived before is pushed too. */
  open(route: Route, backlog: readonly InboxMessage[]): void {
    this.#route = route;
    this.push(backlog);
  }

  push(messages: readonly InboxMessage[]): void {
    const route = this.#route;
    if (!route || messages.length === 0) return;
    this.#queue = this.#queue.then(async () => {
      for (const message of messages) await this.#one(route, message);
    });
  }

  async #one(route: Route, message: InboxMessage): Promise<void> {
    const { inbox, log, note, isAwaited } = this.#options;
    const { message_id } = message;
    if (isAwaited(message) || !inbox.beginPush(message_id)) return;
    try {
      const outcome = await route.push(message);
      inbox.endPush(message_id, outcome);
      note([message_id], route.name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      inbox.endPush(message_id, 'failed');
      log.warn('push failed; the message waits for the next tool call', { route: route.name, message_id, reason });
      note([message_id], route.name, reason.slice(0, 300));
    }
  }
}
