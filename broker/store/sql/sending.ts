/** Queries that put messages into mailboxes. */
import type { Insertable } from 'kysely';
import type { InboxMessage } from '../../../shared/contract/types.ts';
import { LEASED_PER_SENDER } from '../../../shared/limits.ts';
import type { PeerText } from '../../../shared/peer-text.ts';
import { nameKey } from '../../core/names.ts';
import type { EntriesTable, MessagesTable } from '../schema.ts';
import type { Outgoing, Sent, WaitingSession } from '../store.ts';
import {
  type Db,
  iso,
  type RecipientRecord,
  rankOf,
  selectRecipients,
  toRecipientRecord,
  UNLEASED,
  unique,
  WAITING,
} from './common.ts';
import { anyOf, chunks } from './lists.ts';
import { leasedTo, QUEUED, unpushed } from './mailbox.ts';
import type { MailboxRoom } from './mailbox-room.ts';
import { entriesOf } from './messages.ts';
import { currentId, peerNames } from './peers.ts';
import { prepared } from './prepared.ts';

const findNamed = prepared((db, { refs, keys }: { refs: readonly string[]; keys: readonly string[] }) =>
  db
    .selectFrom('peers')
    .select(['id', 'name_key', 'merged_into'])
    .where((eb) => eb.or([eb('id', 'in', anyOf(refs)), eb('name_key', 'in', anyOf(keys))])),
);

const findRecipients = prepared((db, { ids }: { ids: readonly string[] }) =>
  selectRecipients(db).where('peers.id', 'in', anyOf(ids)),
);

/** What `to` names, for every ref of a batch: an id beats a name. */
async function recipients(db: Db, refs: readonly string[]): Promise<Map<string, RecipientRecord>> {
  const found = await findNamed(db, { refs, keys: unique(refs.map(nameKey)) });
  const ids = new Map<string, string>();
  for (const { id, merged_into } of found) ids.set(id, merged_into === null ? id : await currentId(db, merged_into));
  const rows = ids.size === 0 ? [] : await findRecipients(db, { ids: unique([...ids.values()]) });
  const peers = new Map(rows.map((row) => [row.id, toRecipientRecord(row)]));
  const byKey = new Map(found.map(({ id, name_key }) => [name_key, id]));
  const named = new Map<string, RecipientRecord>();
  for (const ref of refs) {
    const id = ids.get(ids.has(ref) ? ref : (byKey.get(nameKey(ref)) ?? ''));
    const peer = id === undefined ? undefined : peers.get(id);
    if (peer) named.set(ref, peer);
  }
  return named;
}

interface Answered {
  readonly seq: number;
  readonly conversation_id: string;
}

const findAnswered = prepared((db, { ids }: { ids: readonly string[] }) =>
  db
    .selectFrom('messages')
    .innerJoin('entries', 'entries.message_seq', 'messages.seq')
    .select(['messages.id', 'messages.seq', 'messages.conversation_id', 'messages.sender_id', 'entries.recipient_id'])
    .where('messages.id', 'in', anyOf(ids)),
);

/** The message each reply answers, where its author may know it: as its sender or as one of its recipients. */
async function answered(db: Db, outgoing: readonly Outgoing[]): Promise<Map<string, Answered>> {
  const ids = unique(outgoing.flatMap(({ reply_to }) => reply_to ?? []));
  if (ids.length === 0) return new Map();
  const rows = await findAnswered(db, { ids });
  const known = new Map<string, Answered>();
  for (const row of rows) {
    known.set(`${row.id} ${row.sender_id}`, row);
    known.set(`${row.id} ${row.recipient_id}`, row);
  }
  return known;
}

interface EarlierSend {
  readonly id: string;
  readonly text: PeerText;
  /** Undefined where it was moved to another mailbox since. */
  readonly to_id: string | undefined;
}

/** By key alone: keys are random, and senders x keys would be probes for a whole batch squared. */
const findByKey = prepared((db, { keys }: { keys: readonly string[] }) =>
  db
    .selectFrom('messages')
    .leftJoin('entries', 'entries.message_seq', 'messages.seq')
    .select([
      'messages.id',
      'messages.text',
      'messages.sender_id',
      'messages.idempotency_key',
      'entries.recipient_id',
      'entries.first_recipient_id',
    ])
    .where('idempotency_key', 'in', anyOf(keys)),
);

/** Earlier sends of the batch's senders with the same idempotency keys. */
async function earlierSends(db: Db, outgoing: readonly Outgoing[]): Promise<Map<string, EarlierSend>> {
  const keys = outgoing.flatMap(({ idempotency_key }) => idempotency_key ?? []);
  const rows = keys.length === 0 ? [] : await findByKey(db, { keys });
  return new Map(
    rows.map(({ id, text, sender_id, idempotency_key, recipient_id, first_recipient_id }) => [
      `${sender_id} ${idempotency_key}`,
      { id, text, to_id: first_recipient_id === null ? (recipient_id ?? undefined) : undefined },
    ]),
  );
}

interface Accepted {
  readonly message: Outgoing;
  readonly to: RecipientRecord;
  readonly answers: Answered | undefined;
  /** It waits for mail and takes this message at once. */
  readonly taker: WaitingSession | undefined;
}

interface Sending {
  readonly room: MailboxRoom;
  readonly waiting: (peer_id: string) => WaitingSession | undefined;
  readonly now: number;
}

function countTo(accepted: readonly Accepted[], peer_id: string): number {
  return accepted.filter(({ to }) => to.short.id === peer_id).length;
}

/** The waiting session of a recipient, unless so much is there that its messages have to come in turns. */
async function takerFor(
  db: Db,
  to: RecipientRecord,
  accepted: readonly Accepted[],
  waiting: Sending['waiting'],
): Promise<WaitingSession | undefined> {
  const taker = waiting(to.short.id);
  if (taker === undefined || taker.session.id !== to.session_id) return undefined;
  const ahead = (await unpushed(db, to.short.id)) + countTo(accepted, to.short.id);
  return ahead < LEASED_PER_SENDER ? taker : undefined;
}

export async function sendMessages(
  db: Db,
  outgoing: readonly Outgoing[],
  { room, waiting, now }: Sending,
): Promise<Sent[]> {
  const peers = await recipients(db, unique(outgoing.map(({ to }) => to)));
  const replies = await answered(db, outgoing);
  const earlier = await earlierSends(db, outgoing);
  const accepted: Accepted[] = [];
  const results: (Sent | (() => Promise<Sent>))[] = [];
  for (const message of outgoing) {
    const key = `${message.sender_id} ${message.idempotency_key}`;
    const same = message.idempotency_key === undefined ? undefined : earlier.get(key);
    const to = peers.get(message.to);
    const answers =
      message.reply_to === undefined ? undefined : replies.get(`${message.reply_to} ${message.sender_id}`);
    if (same) {
      const repeats = same.text === message.text && (same.to_id === undefined || same.to_id === to?.short.id);
      results.push(repeats ? () => repeated(db, same.id) : { ok: false, reason: 'key-reused' });
    } else if (!to) {
      results.push({ ok: false, reason: 'no-such-peer', names: await peerNames(db) });
    } else if (to.short.id === message.sender_id) {
      results.push({ ok: false, reason: 'to-self' });
    } else if (message.reply_to !== undefined && !answers) {
      results.push({ ok: false, reason: 'no-such-reply-to' });
    } else if (!(await room.take(db, to.short.id, () => countTo(accepted, to.short.id)))) {
      results.push({ ok: false, reason: 'mailbox-full' });
    } else {
      if (message.idempotency_key !== undefined) earlier.set(key, { ...message, to_id: to.short.id });
      const taker = await takerFor(db, to, accepted, waiting);
      const { id } = message;
      const item = { message, to, answers, taker };
      accepted.push(item);
      results.push(async () => ({
        ok: true,
        fresh: true,
        named: answers ? await confirmNamed(db, answers.seq, message, now) : null,
        handed: taker ? { to: taker, message: await asReceived(db, item, seqOf(seqs, id), now) } : null,
        record: { message_id: id, to: to.short, recipient: to.recipient, entry: newEntry(item, now) },
      }));
    }
  }
  const seqs = await insert(db, accepted, now);
  return Promise.all(results.map((result) => (typeof result === 'function' ? result() : result)));
}

function newEntry({ taker }: Accepted, now: number) {
  const never = { first_recipient_id: null, confirmed_at: null, confirmed_by: null };
  return { ...never, queued_at: now, ...QUEUED, ...(taker ? leasedTo(taker.session, taker.request, now) : {}) };
}

function conversationOf({ message, answers }: Pick<Accepted, 'message' | 'answers'>): string {
  return answers?.conversation_id ?? message.id;
}

const findShort = prepared((db, { id }: { id: string }) =>
  db.selectFrom('peers').select(['id', 'name', 'kind']).where('id', '=', id),
);

/** What {@link toInboxMessage} would make of it, without reading it back. */
async function asReceived(db: Db, item: Accepted, seq: number, now: number): Promise<InboxMessage> {
  const { id, sender_id, text, reply_to, intent, priority } = item.message;
  const [from] = await findShort(db, { id: sender_id });
  if (!from) throw new Error(`a message came from ${sender_id}, which is no peer`);
  return {
    message_id: id,
    seq,
    conversation_id: conversationOf(item),
    from,
    text,
    sent_at: iso(now),
    reply_to: reply_to ?? null,
    intent,
    priority,
    redelivered: false,
  };
}

const insertMessages = prepared((db, { rows }: { rows: readonly Insertable<MessagesTable>[] }) =>
  db.insertInto('messages').values(rows).returning(['id', 'seq']),
);

const insertEntries = prepared((db, { rows }: { rows: readonly Insertable<EntriesTable>[] }) =>
  db.insertInto('entries').values(rows),
);

function seqOf(seqs: ReadonlyMap<string, number>, message_id: string): number {
  const seq = seqs.get(message_id);
  if (seq === undefined) throw new Error(`message ${message_id} was not inserted`);
  return seq;
}

/** @returns the number that each message got, by its id */
async function insert(db: Db, accepted: readonly Accepted[], now: number): Promise<Map<string, number>> {
  const messages = accepted.map(({ message, answers }) => ({
    id: message.id,
    sender_id: message.sender_id,
    conversation_id: conversationOf({ message, answers }),
    reply_to: message.reply_to ?? null,
    intent: message.intent,
    priority: rankOf(message.priority),
    text: message.text,
    created_at: now,
    idempotency_key: message.idempotency_key ?? null,
  }));
  const seqs = new Map<string, number>();
  for (const rows of chunks(messages)) {
    for (const { id, seq } of await insertMessages(db, { rows })) seqs.set(id, seq);
  }
  const entries = accepted.map((item) => ({
    ...newEntry(item, now),
    recipient_id: item.to.short.id,
    message_seq: seqOf(seqs, item.message.id),
  }));
  for (const rows of chunks(entries)) await insertEntries(db, { rows });
  return seqs;
}

const setNamed = prepared((db, { seq, reader_id, now }: { seq: number; reader_id: string; now: number }) =>
  db
    .updateTable('entries')
    .set({ state: 'confirmed', confirmed_at: now, confirmed_by: 'named', ...UNLEASED })
    .where('message_seq', '=', seq)
    .where('recipient_id', '=', reader_id)
    .where(WAITING)
    .returning('message_seq'),
);

/** Whoever answers a message by its id has read it. */
async function confirmNamed(db: Db, seq: number, reply: Outgoing, now: number): Promise<string | null> {
  const updated = await setNamed(db, { seq, reader_id: reply.sender_id, now });
  return updated.length > 0 ? (reply.reply_to ?? null) : null;
}

async function repeated(db: Db, message_id: string): Promise<Sent> {
  const [record] = await entriesOf(db, message_id);
  return record ? { ok: true, record, fresh: false, named: null, handed: null } : { ok: false, reason: 'key-reused' };
}
