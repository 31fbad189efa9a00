/**
 * What this session holds of its peer's mailbox: leased, not yet confirmed. It decides what is shown when, so that
 * within one process a message is shown as new at most once, and confirms what there is evidence for.
 */
import type { Confirmation, Evidence, InboxMessage, PushRoute } from '../shared/contract/types.ts';
import { TOOL_RESPONSE_MAX_BYTES } from '../shared/limits.ts';
import { rawText } from '../shared/peer-text.ts';
import { byteLength } from '../shared/text.ts';

/** Ids remembered after they were confirmed, in case the broker brings a message once more. */
const REMEMBERED_MAX = 5_000;
/** What a message costs in a tool response beside its text. */
const FRAME_BYTES = 300;
/** One line each; the others follow with the next response. */
const NOTICES_MAX = 20;

interface Held {
  readonly message: InboxMessage;
  /**
   * - `new`: not shown yet
   * - `pushing`: on its way to the client unasked
   * - `pushed`: handed to the client unasked, without proof that it arrived
   * - `shown`: in a tool response that the client has not taken yet
   */
  state: 'new' | 'pushing' | 'pushed' | 'shown';
  /** What it was before it was shown, should the client throw the response away. */
  before: 'new' | 'pushed';
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
}

export type Filter = (message: InboxMessage) => boolean;

export class Inbox {
  readonly #held = new Map<string, Held>();
  readonly #done = new Map<string, Evidence>();
  readonly #arrivals = new Set<() => void>();
  readonly #confirm: (confirmations: Confirmation[]) => void;

  /** @param confirm tells the broker; must not lose what it is given */
  constructor(confirm: (confirmations: Confirmation[]) => void) {
    this.#confirm = confirm;
  }

  /** @returns those that this process did not have before */
  add(messages: readonly InboxMessage[]): InboxMessage[] {
    const fresh: InboxMessage[] = [];
    for (const message of messages) {
      const { message_id } = message;
      const evidence = this.#done.get(message_id);
      // the confirmation got lost: say it again, show nothing again
      if (evidence) this.#confirm([{ message_id, evidence }]);
      else if (!this.#held.has(message_id)) {
        this.#held.set(message_id, { message, state: 'new', before: 'new', noticed: false });
        fresh.push(message);
      }
    }
    if (fresh.length > 0) for (const notify of [...this.#arrivals]) notify();
    return fresh;
  }

  /** Those that the client has not been shown in any way. */
  newMessages(): InboxMessage[] {
    return [...this.#held.values()].flatMap(({ state, message }) => (state === 'new' ? [message] : []));
  }

  /** Calls back whenever something arrives. @returns ends that */
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
  beginPush(message_id: string): boolean {
    const held = this.#held.get(message_id);
    if (held?.state !== 'new') return false;
    held.state = 'pushing';
    return true;
  }

  /** It was pushed, and nothing shows that it arrived. */
  isUnproven(message_id: string): boolean {
    return this.#held.get(message_id)?.state === 'pushed';
  }

  /** @param outcome `handed`: no proof; `failed`: not sent */
  endPush(message_id: string, outcome: 'handed' | 'failed'): void {
    const held = this.#held.get(message_id);
    if (held?.state === 'pushing') held.state = outcome === 'handed' ? 'pushed' : 'new';
  }

  /**
   * Takes what one tool response can carry: critical messages first, then from each sender in turn, so that one
   * sender's flood leaves room for the others; shown oldest first. Beside them, in a line each, what was pushed.
   */
  take(maxBytes: number = TOOL_RESPONSE_MAX_BYTES): Batch {
    const batch = this.takeNew(() => true, maxBytes);
    const notices = [...this.#held.values()]
      .filter(({ state }) => state === 'pushed')
      .slice(0, NOTICES_MAX)
      .map(({ message }) => message);
    for (const { message_id } of notices) this.#show(message_id, true);
    return { ...batch, notices };
  }

  /** {@link take} without what was pushed before. */
  takeNew(filter: Filter, maxBytes: number = TOOL_RESPONSE_MAX_BYTES): Batch {
    const fresh = inTurns(this.newMessages().filter(filter));
    const chosen: InboxMessage[] = [];
    let bytes = 0;
    for (const message of fresh) {
      const size = Math.min(byteLength(rawText(message.text)), maxBytes) + FRAME_BYTES;
      if (chosen.length > 0 && bytes + size > maxBytes) break;
      chosen.push(message);
      bytes += size;
    }
    for (const { message_id } of chosen) this.#show(message_id, false);
    return { messages: chosen.sort(forReading), notices: [], left: fresh.length - chosen.length };
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
  }

  /**
   * There is evidence that the model has these.
   * @param pushed_by the route whose push is the evidence
   */
  settle(message_ids: readonly string[], evidence: Evidence, pushed_by?: PushRoute): void {
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

  #remember(message_id: string, evidence: Evidence): void {
    this.#done.set(message_id, evidence);
    if (this.#done.size <= REMEMBERED_MAX) return;
    const [oldest] = this.#done.keys();
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}

function isCritical(message: InboxMessage): boolean {
  return message.priority === 'critical';
}

function forReading(a: InboxMessage, b: InboxMessage): number {
  return Number(isCritical(b)) - Number(isCritical(a)) || a.sent_at.localeCompare(b.sent_at);
}

/** Critical ones, then each sender's first, each sender's second, and so on. Arrival order within a sender stays. */
function inTurns(messages: readonly InboxMessage[]): InboxMessage[] {
  const places = new Map<string, number>();
  return messages
    .map((message) => {
      const place = places.get(message.from.id) ?? 0;
      places.set(message.from.id, place + 1);
      return { message, place };
    })
    .sort((a, b) => Number(isCritical(b.message)) - Number(isCritical(a.message)) || a.place - b.place)
    .map(({ message }) => message);
}
