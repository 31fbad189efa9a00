/** Queries that put messages into mailboxes and find them again. */
import type { InboxMessage } from '../../../shared/contract/types.ts';
import { nameKey } from '../../core/names.ts';
import type { EntryRecord, Outgoing, Sent } from '../store.ts';
import {
  type Db,
  iso,
  priorityOf,
  type RecipientRecord,
  rankOf,
  selectRecipients,
  toRecipientRecord,
  WAITING,
} from './common.ts';
import type { MailboxRoom } from './mailbox-room.ts';
import { currentId, peerNames } from './peers.ts';

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** The columns of a message as its recipient sees it. */
export function selectMessages(db: Db) {
  return db
    .selectFrom('messages')
    .innerJoin('peers as sender', 'sender.id', 'messages.sender_id')
    .select([
      'messages.seq',
      'messages.id',
      'messages.conversation_id',
      'messages.reply_to',
      'messages.intent',
      'messages.priority',
      'messages.text',
      'messages.created_at',
      'sender.id as sender_id',
      'sender.name as sender_name',
      'sender.kind as sender_kind',
    ]);
}

type SelectedMessage = Awaited<ReturnType<ReturnType<typeof selectMessages>['execute']>>[number];

export function toInboxMessage(row: SelectedMessage, redelivered: boolean): InboxMessage {
  return {
    message_id: row.id,
    conversation_id: row.conversation_id,
    from: { id: row.sender_id, name: row.sender_name, kind: row.sender_kind },
    text: row.text,
    sent_at: iso(row.created_at),
    reply_to: row.reply_to,
    intent: row.intent,
    priority: priorityOf(row.priority),
    redelivered,
  };
}

/** What `to` names, for every ref of a batch: an id beats a name. */
async function recipients(db: Db, refs: readonly string[]): Promise<Map<string, RecipientRecord>> {
  const keys = unique(refs.map(nameKey));
  const found = await db
    .selectFrom('peers')
    .select(['id', 'name_key', 'merged_into'])
    .where((eb) => eb.or([eb('id', 'in', refs), eb('name_key', 'in', keys)]))
    .execute();
  const ids = new Map<string, string>();
  for (const { id, merged_into } of found) ids.set(id, merged_into === null ? id : await currentId(db, merged_into));
  const rows =
    ids.size === 0
      ? []
      : await selectRecipients(db)
          .where('peers.id', 'in', unique([...ids.values()]))
          .execute();
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

/** The message each reply answers, where its author may know it: as its sender or as one of its recipients. */
async function answered(db: Db, outgoing: readonly Outgoing[]): Promise<Map<string, Answered>> {
  const ids = unique(outgoing.flatMap(({ reply_to }) => reply_to ?? []));
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('messages')
    .innerJoin('entries', 'entries.message_seq', 'messages.seq')
    .select(['messages.id', 'messages.seq', 'messages.conversation_id', 'messages.sender_id', 'entries.recipient_id'])
    .where('messages.id', 'in', ids)
    .execute();
  const known = new Map<string, Answered>();
  for (const row of rows) {
    known.set(`${row.id} ${row.sender_id}`, row);
    known.set(`${row.id} ${row.recipient_id}`, row);
  }
  return known;
}

interface EarlierSend {
  readonly id: string;
  readonly text: string;
  /** Undefined where it was moved to another mailbox since. */
  readonly to_id: string | undefined;
}

/** Earlier sends of the batch's senders with the same idempotency keys. */
async function earlierSends(db: Db, outgoing: readonly Outgoing[]): Promise<Map<string, EarlierSend>> {
  const keyed = outgoing.filter(({ idempotency_key }) => idempotency_key !== undefined);
  if (keyed.length === 0) return new Map();
  const rows = await db
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
    // by key alone: keys are random, and senders x keys would be probes for a whole batch squared
    .where(
      'idempotency_key',
      'in',
      keyed.flatMap(({ idempotency_key }) => idempotency_key ?? []),
    )
    .execute();
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
}

function countTo(accepted: readonly Accepted[], peer_id: string): number {
  return accepted.filter(({ to }) => to.short.id === peer_id).length;
}

const QUEUED = {
  state: 'queued',
  first_recipient_id: null,
  lease_session: null,
  lease_until: null,
  leased_at: null,
  shown_by: null,
  pushed_at: null,
  push_route: null,
  push_error: null,
  confirmed_at: null,
  confirmed_by: null,
} as const;

export async function sendMessages(
  db: Db,
  outgoing: readonly Outgoing[],
  room: MailboxRoom,
  now: number,
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
      accepted.push({ message, to, answers });
      results.push(async () => ({
        ok: true,
        fresh: true,
        named: answers ? await confirmNamed(db, answers.seq, message, now) : null,
        record: {
          message_id: message.id,
          to: to.short,
          recipient: to.recipient,
          entry: { ...QUEUED, queued_at: now },
        },
      }));
    }
  }
  await insert(db, accepted, now);
  return Promise.all(results.map((result) => (typeof result === 'function' ? result() : result)));
}

async function insert(db: Db, accepted: readonly Accepted[], now: number): Promise<void> {
  if (accepted.length === 0) return;
  const inserted = await db
    .insertInto('messages')
    .values(
      accepted.map(({ message, answers }) => ({
        id: message.id,
        sender_id: message.sender_id,
        conversation_id: answers?.conversation_id ?? message.id,
        reply_to: message.reply_to ?? null,
        intent: message.intent,
        priority: rankOf(message.priority),
        text: message.text,
        created_at: now,
        idempotency_key: message.idempotency_key ?? null,
      })),
    )
    .returning(['id', 'seq'])
    .execute();
  const seqs = new Map(inserted.map(({ id, seq }) => [id, seq]));
  await db
    .insertInto('entries')
    .values(
      accepted.map(({ message, to }) => {
        const message_seq = seqs.get(message.id);
        if (message_seq === undefined) throw new Error(`message ${message.id} was not inserted`);
        return { ...QUEUED, queued_at: now, recipient_id: to.short.id, message_seq };
      }),
    )
    .execute();
}

/** Whoever answers a message by its id has read it. */
async function confirmNamed(db: Db, seq: number, reply: Outgoing, now: number): Promise<string | null> {
  const updated = await db
    .updateTable('entries')
    .set({ state: 'confirmed', confirmed_at: now, confirmed_by: 'named', lease_session: null, lease_until: null })
    .where('message_seq', '=', seq)
    .where('recipient_id', '=', reply.sender_id)
    .where(WAITING)
    .returning('message_seq')
    .execute();
  return updated.length > 0 ? (reply.reply_to ?? null) : null;
}

async function repeated(db: Db, message_id: string): Promise<Sent> {
  const [record] = await entriesOf(db, message_id);
  return record ? { ok: true, record, fresh: false, named: null } : { ok: false, reason: 'key-reused' };
}

async function entriesOf(db: Db, message_id: string): Promise<EntryRecord[]> {
  const entries = await db
    .selectFrom('entries')
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .selectAll('entries')
    .where('messages.id', '=', message_id)
    .execute();
  const ids = unique(entries.map(({ recipient_id }) => recipient_id));
  const rows = ids.length === 0 ? [] : await selectRecipients(db).where('peers.id', 'in', ids).execute();
  const recipients = new Map(rows.map((row) => [row.id, toRecipientRecord(row)]));
  return entries.flatMap((entry) => {
    const to = recipients.get(entry.recipient_id);
    return to ? [{ message_id, to: to.short, recipient: to.recipient, entry }] : [];
  });
}

export async function findMessage(
  db: Db,
  message_id: string,
): Promise<{ message: InboxMessage; entries: EntryRecord[] } | undefined> {
  const row = await selectMessages(db).where('messages.id', '=', message_id).executeTakeFirst();
  return row && { message: toInboxMessage(row, false), entries: await entriesOf(db, message_id) };
}
