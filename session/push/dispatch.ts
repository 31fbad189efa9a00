/** Pushes what arrives by the session's one route, critical messages first, and tells the broker what became of it. */
import type { InboxMessage, PushRoute } from '../../shared/contract/types.ts';
import type { Inbox } from '../inbox.ts';
import type { SessionLog } from '../log.ts';
import { byUrgency, isCritical } from '../selection.ts';
import type { Route } from './route.ts';

/** A channel event that brought no sign of life is posted to the inbox socket after this, once. */
const SECOND_TRY_MS = 20_000;

export interface DispatchOptions {
  readonly inbox: Inbox;
  readonly log: SessionLog;
  /** Tells the broker; must not throw. */
  note(message_ids: readonly string[], route: PushRoute, error?: string): void;
  /** False for a message that should wait: a tool call is about to take it, or now is not the time for it. */
  mayPush(message: InboxMessage): boolean;
}

export class Dispatcher {
  readonly #options: DispatchOptions;
  /** Failed once: those wait for the next tool call. */
  readonly #failed = new Set<string>();
  #route: Route | undefined;
  #second: Route | undefined;
  #running = false;
  #again = false;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /**
   * The client can be reached from now on.
   * @param second what is tried once more where the route brought no proof
   */
  open(route: Route, second?: Route): void {
    this.#route = route;
    this.#second = second;
    this.poke();
  }

  /** The route is gone; messages wait for tool calls again. */
  close(): void {
    this.#route = undefined;
  }

  /** Something arrived, or the time may be better than before. */
  poke(): void {
    this.#again = true;
    if (!this.#running) void this.#run();
    // a critical message does not wait as long as those that wait already
    else this.#route?.reconsider();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      for (;;) {
        const route = this.#route;
        const waiting = this.#pushable();
        if (!route || waiting.length === 0) break;
        await route.ready(() => this.#pushable().some(isCritical));
        if (this.#route !== route) continue;
        // what waited may have been shown by a tool response meanwhile
        const now = this.#pushable().slice(0, route.atOnce);
        if (now.length > 0) await this.#push(route, now);
      }
    }
    this.#running = false;
  }

  #pushable(): InboxMessage[] {
    return this.#options.inbox
      .newMessages()
      .filter((message) => !this.#failed.has(message.message_id) && this.#options.mayPush(message))
      .sort(byUrgency);
  }

  async #push(route: Route, messages: readonly InboxMessage[]): Promise<void> {
    const { inbox, log, note } = this.#options;
    const ids = messages.map(({ message_id }) => message_id).filter((id) => inbox.beginPush(id, route.name));
    try {
      if ((await route.push(messages)) === 'proven') return inbox.settle(ids, 'client', route.name);
      for (const id of ids) inbox.endPush(id, 'handed');
      note(ids, route.name);
      if (this.#second) this.#tryAgainLater(this.#second, messages);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      for (const id of ids) {
        this.#failed.add(id);
        inbox.endPush(id, 'failed');
      }
      log.warn('push failed; the messages wait for the next tool call', {
        route: route.name,
        message_ids: ids,
        reason,
      });
      note(ids, route.name, reason.slice(0, 300));
    }
  }

  #tryAgainLater(second: Route, messages: readonly InboxMessage[]): void {
    const { inbox, log, note } = this.#options;
    const timer = setTimeout(async () => {
      const unproven = messages.filter(({ message_id }) => inbox.isUnproven(message_id));
      if (unproven.length === 0) return;
      const ids = unproven.map(({ message_id }) => message_id);
      try {
        await second.push(unproven);
        note(ids, second.name);
      } catch (error) {
        log.warn('the second route failed too; the messages are named with the next tool call', {
          route: second.name,
          message_ids: ids,
          reason: String(error),
        });
      }
    }, SECOND_TRY_MS);
    timer.unref();
  }
}
