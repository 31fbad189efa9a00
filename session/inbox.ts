/**
 * What this session holds of its peer's mailbox: leased, not yet confirmed. It decides what is shown when, so that
 * within one process a message is shown as new at most once, and confirms what there is evidence for.
 */
import type { Confirmation, InboxMessage, PushNote, PushRoute, SessionEvidence } from '../shared/contract/types.ts';
import { PUSH_NOTICE_MAX_BYTES, TOOL_RESPONSE_MAX_BYTES } from '../shared/limits.ts';
import { cut } from '../shared/peer-text.ts';
import type { Frame } from './present.ts';
import { type Filter, select } from './selection.ts';

/** Ids remembered after they were confirmed, in case the broker brings a message once more. */
const REMEMBERED_MAX = 5_000;
/** Lines for what was pushed: most of it was seen, so the newest few are named, and the others with later responses. */
const NOTICES_MAX = 5;
/** Enough of a text for its line, whatever is cleaned out of it. */
const KEPT_BYTES = 1_024;
/** A line, with its line break. */
const NOTICE_BYTES = PUSH_NOTICE_MAX_BYTES + 1;

interface Held {
  /** Of one that was pushed only the beginning. */
  message: InboxMessage;
  /**
   * - `new`: not shown yet
   * - `pushing`: on its way to the client unasked
   * - `pushed`: handed to the client unasked, without proof that it arrived
   * - `shown`: in a tool response that the client has not taken yet
   */
  state: 'new' | 'pushing' | 'pushed' | 'shown';
  /** What it was before it was shown, should the client throw the response away. */
  before: 'new' | 'pushed';
  /** By which it was pushed last, or is being pushed. */
  route: PushRoute | undefined;
  /** Shown in one line after a push, not whole. */
  noticed: boolean;
}

/** What goes into one tool response. */
export interface Batch {
  readonly messages: readonly InboxMessage[];
  /** Named after a push, in one line each. */
  readonly notices: readonly InboxMessage[];
  /** New messages that did not fit. */
  readonly left: number;
  /** Pushed messages that are not named yet. */
  readonly unnamed: number;
  /** Bytes for the messages: one that is longer is shown in part. */
  readonly room: number;
  readonly frame: Frame;
}

export const NOTHING: Batch = { messages: [], notices: [], left: 0, unnamed: 0, room: 0, frame: 'plain' };

export interface TakeOptions {
  /** A tool call waited for such messages: the first of them leads. */
  readonly awaited?: Filter;
  /** Bytes of messages that the response carries already. */
  readonly used?: number;
  /** Pushed messages that are named, at most. */
  readonly notices?: number;
}

export class Inbox {
  readonly #held = new Map<string, Held>();
  readonly #done = new Map<string, SessionEvidence>();
  readonly #arrivals = new Set<() => void>();
  readonly #confirm: (confirmations: Confirmation[]) => void;
  readonly #notePush: (note: PushNote) => void;

  /** Both tell the broker, and must not lose what they get. */
  constructor(confirm: (confirmations: Confirmation[]) => void, notePush: (note: PushNote) => void) {
    this.#confirm = confirm;
    this.#notePush = notePush;
  }

  /** @returns those that this process did not have before */
  add(messages: readonly InboxMessage[]): InboxMessage[] {
    const fresh: InboxMessage[] = [];
    const pushed = new Map<PushRoute, string[]>();
    for (const message of messages) {
      const { message_id } = message;
      const evidence = this.#done.get(message_id);
      const held = this.#held.get(message_id);
      // the confirmation got lost: say it again, show nothing again
      if (evidence) this.#confirm([{ message_id, evidence }]);
      else if (held) {
        const route = pushedBy(held);
        if (route !== undefined) pushed.set(route, [...(pushed.get(route) ?? []), message_id]);
      } else {
        this.#held.set(message_id, { message, state: 'new', before: 'new', route: undefined, noticed: false });
        fresh.push(message);
      }
    }
    // the broker forgot the pushes with the session's last registration: unpushed, they would hold up what follows
    for (const [route, message_ids] of pushed) this.#notePush({ message_ids, route });
    if (fresh.length > 0) this.#notify();
    return fresh;
  }

  #notify(): void {
    for (const notify of [...this.#arrivals]) notify();
  }

  /** Those that the client has not been shown in any way, in the order of arrival. */
  newMessages(): InboxMessage[] {
    return this.#inState('new');
  }

  #inState(wanted: Held['state']): InboxMessage[] {
    return [...this.#held.values()]
      .flatMap(({ state, message }) => (state === wanted ? [message] : []))
      .sort((a, b) => a.seq - b.seq);
  }

  /** Calls back whenever there is something to show that was not there before. @returns ends that */
  onArrival(listener: () => void): () => void {
    this.#arrivals.add(listener);
    return () => this.#arrivals.delete(listener);
  }

  has(filter: Filter): boolean {
    return [...this.#held.values()].some(
      ({ message, state }) => (state === 'new' || state === 'pushed') && filter(message),
    );
  }

  /** Takes a new message for a push; false when it was shown, or is being pushed, already. */
  beginPush(message_id: string, route: PushRoute): boolean {
    const held = this.#held.get(message_id);
    if (held?.state !== 'new') return false;
    held.state = 'pushing';
    held.route = route;
    return true;
  }

  /** It was pushed, and nothing shows that it arrived. */
  isUnproven(message_id: string): boolean {
    return this.#held.get(message_id)?.state === 'pushed';
  }

  /** @param outcome `handed`: no proof; `failed`: not sent */
  endPush(message_id: string, outcome: 'handed' | 'failed'): void {
    const held = this.#held.get(message_id);
    if (held?.state !== 'pushing') return;
    held.state = outcome === 'handed' ? 'pushed' : 'new';
    // it is only named from now on, and an agent that listens may leave thousands unproven
    if (outcome === 'handed') held.message = { ...held.message, text: cut(held.message.text, KEPT_BYTES) };
    // a tool call may have begun to wait for it meanwhile
    this.#notify();
  }

  /** Takes what one tool response can carry: new messages, and beside them, in a line each, some that were pushed. */
  take({ awaited, used = 0, notices = NOTICES_MAX }: TakeOptions = {}): Batch {
    const room = Math.max(0, TOOL_RESPONSE_MAX_BYTES - used);
    const pushed = this.#inState('pushed').reverse();
    const lines = Math.min(notices, Math.floor(room / NOTICE_BYTES));
    // a stable sort: the newest first, but for those that a tool call waited for
    if (awaited) pushed.sort((a, b) => Number(awaited(b)) - Number(awaited(a)));
    const named = pushed.slice(0, lines).sort((a, b) => a.seq - b.seq);
    const batch = this.#takeNew(this.newMessages(), room - named.length * NOTICE_BYTES, 'plain', awaited);
    for (const { message_id } of named) this.#show(message_id, true);
    return { ...batch, notices: named, unnamed: pushed.length - named.length };
  }

  /** What a hook carries: {@link take} of such messages alone, without what was pushed before. */
  takeForHook(filter: Filter, room: number = TOOL_RESPONSE_MAX_BYTES): Batch {
    return this.#takeNew(this.newMessages().filter(filter), room, 'tags');
  }

  #takeNew(waiting: readonly InboxMessage[], room: number, frame: Frame, awaited?: Filter): Batch {
    const { messages, left } = select(waiting, room, frame, awaited);
    for (const { message_id } of messages) this.#show(message_id, false);
    return { ...NOTHING, messages, left, room, frame };
  }

  /** A tool response shows this one whole because the model asked for it. */
  show(message_id: string): void {
    this.#show(message_id, false);
  }

  #show(message_id: string, noticed: boolean): void {
    const held = this.#held.get(message_id);
    if (!held || held.state === 'shown') return;
    held.before = held.state === 'pushed' ? 'pushed' : 'new';
    held.noticed = noticed;
    held.state = 'shown';
  }

  /** The client threw the response away: as if it had never been shown. */
  putBack(message_ids: readonly string[]): void {
    for (const id of message_ids) {
      const held = this.#held.get(id);
      if (held?.state === 'shown') held.state = held.before;
    }
    this.#notify();
  }

  /**
   * There is evidence that the model has these.
   * @param pushed_by the route whose push is the evidence
   */
  settle(message_ids: readonly string[], evidence: SessionEvidence, pushed_by?: PushRoute): void {
    const confirmations: Confirmation[] = [];
    for (const message_id of message_ids) {
      const held = this.#held.get(message_id);
      if (!held) continue;
      const what = held.noticed && evidence === 'tool-response' ? 'push-notice' : evidence;
      this.#held.delete(message_id);
      this.#remember(message_id, what);
      confirmations.push({ message_id, evidence: what, ...(pushed_by === undefined ? {} : { pushed_by }) });
    }
    if (confirmations.length > 0) this.#confirm(confirmations);
  }

  /** The model named it in a call that the broker has confirmed it by. */
  named(message_id: string): void {
    if (this.#held.delete(message_id)) this.#remember(message_id, 'named');
  }

  /** For the next session: what this one held but nobody has seen. */
  unseen(): string[] {
    return this.newMessages().flatMap(({ message_id, redelivered }) => (redelivered ? [] : [message_id]));
  }

  #remember(message_id: string, evidence: SessionEvidence): void {
    this.#done.set(message_id, evidence);
    if (this.#done.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#done.keys();
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}

/** The route by which it was handed to the client unasked; undefined where it was not. */
function pushedBy({ state, before, route }: Held): PushRoute | undefined {
  return state === 'pushed' || (state === 'shown' && before === 'pushed') ? route : undefined;
}
