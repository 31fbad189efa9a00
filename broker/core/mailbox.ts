/**
 * The rules of a mailbox, without I/O.
 *
 *     queued ──lease──▶ leased ──confirm──▶ confirmed
 *       ▲                 │
 *       └─ session ended ─┘      queued or leased, deliverable time over, nobody there ──▶ orphaned
 *
 * `pushed` is a note on a leased entry, not a state of its own: a push proves nothing. An entry is *listed*
 * as orphaned a minute after its recipient left, though it is still delivered should the recipient return.
 */
import type { MessageState, PeerKind, PeerStatus, PushRoute, Receipt } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import { MESSAGE_MAX_BYTES, ORPHAN_GRACE_MS } from '../../shared/limits.ts';
import { inQuotes, isEmpty, type PeerText, rawText } from '../../shared/peer-text.ts';
import { byteLength } from '../../shared/text.ts';

/** How an entry is stored. */
export type EntryState = 'queued' | 'leased' | 'confirmed' | 'orphaned';

export interface Recipient {
  readonly name: string;
  readonly kind: PeerKind;
  readonly online: boolean;
  readonly status: PeerStatus;
  readonly status_message: PeerText;
  readonly push_route: PushRoute;
  readonly last_seen_at: number;
}

export interface Entry {
  readonly state: EntryState;
  readonly pushed_at: number | null;
  readonly push_route: PushRoute | null;
  readonly push_error: PeerText | null;
}

/** @throws PeersError `message_empty`, `message_too_large` */
export function assertText(text: PeerText): void {
  const raw = rawText(text);
  if (raw.trim() === '') {
    throw new PeersError('message_empty', 'The message is empty.', 'Say in it what the other peer should know or do.');
  }
  const size = byteLength(raw);
  if (size > MESSAGE_MAX_BYTES) {
    throw new PeersError(
      'message_too_large',
      `The message has ${size} bytes; the limit is ${MESSAGE_MAX_BYTES}.`,
      'Shorten it, split it, or put the long part into a file and name its path.',
    );
  }
}

/** A recipient that no session serves, for so long that it did not just restart. The human always comes back. */
export function isAbandoned(recipient: Pick<Recipient, 'online' | 'kind' | 'last_seen_at'>, now: number): boolean {
  return !recipient.online && recipient.kind !== 'human' && now - recipient.last_seen_at >= ORPHAN_GRACE_MS;
}

/** The state that people see. */
export function shownState(entry: Entry, recipient: Recipient, now: number): MessageState {
  if (entry.state === 'confirmed' || entry.state === 'orphaned') return entry.state;
  if (isAbandoned(recipient, now)) return 'orphaned';
  if (entry.state === 'leased' && entry.pushed_at !== null) return 'pushed';
  return entry.state;
}

/** A clock time of day in UTC; with the date where it was not today. */
export function when(at: number, now: number): string {
  const iso = new Date(at).toISOString();
  return iso.slice(0, 10) === new Date(now).toISOString().slice(0, 10)
    ? `${iso.slice(11, 16)} UTC`
    : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** What the sender is told about an entry: the truth about where it stands, in one sentence. */
export function describe(
  entry: Entry,
  recipient: Recipient,
  now: number,
): { outcome: Receipt['outcome']; detail: string } {
  const { name } = recipient;
  const quiet =
    recipient.status === 'dnd'
      ? ` ${name} is on do-not-disturb${isEmpty(recipient.status_message) ? '' : ` (${inQuotes(recipient.status_message)})`}: expect a late answer.`
      : '';
  if (entry.state === 'confirmed') return { outcome: 'confirmed', detail: `${name} has it.${quiet}` };
  if (entry.state === 'orphaned') {
    return { outcome: 'offline', detail: `orphaned: ${name} did not return in time; only the operator can requeue it` };
  }
  if (recipient.kind === 'human') {
    return { outcome: 'waiting', detail: `waiting until ${name} (the human) reads the inbox.${quiet}` };
  }
  if (!recipient.online) {
    return {
      outcome: 'offline',
      detail: `${name} is offline since ${when(recipient.last_seen_at, now)}; kept until it returns.${quiet}`,
    };
  }
  if (entry.pushed_at !== null && entry.push_route !== null) {
    return { outcome: 'pushed', detail: `pushed (${entry.push_route}) to ${name}; not confirmed yet.${quiet}` };
  }
  const why = entry.push_error
    ? `push failed: ${inQuotes(entry.push_error)}`
    : recipient.push_route === 'none'
      ? 'no push route'
      : recipient.status === 'dnd'
        ? 'not pushed while on do-not-disturb'
        : `not pushed yet by ${recipient.push_route}`;
  return {
    outcome: 'waiting',
    detail: `waiting for the next tool call of ${name} (${recipient.kind}, ${why}).${quiet}`,
  };
}
