/**
 * Sending: one text, one entry for each recipient. Messages that are sent together share their statements, and each gets
 * a result of its own.
 */
import { type Insertable, sql } from 'kysely';
import type { InboxMessage, Intent, PeerShort, Priority } from '../../shared/contract/types.ts';
import { LEASED_PER_SENDER } from '../../shared/limits.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import { nameKey, OPERATOR_NAME } from '../core/names.ts';
import {
  iso,
  type RecipientRecord,
  rankOf,
  selectRecipients,
  toRecipientRecord,
  UNLEASED,
  unique,
  WAITING,
} from './common.ts';
import { Events } from './events.ts';
import { anyOf, chunks } from './lists.ts';
import { leasedTo, QUEUED, type WaitingSession } from './mailbox.ts';
import type { MailboxRoom } from './mailbox-room.ts';
import { type EntryRecord, Messages } from './messages.ts';
import { Peers } from './peers.ts';
import { prepared } from './prepared.ts';
import type { EntriesTable, MessagesTable } from './schema.ts';
import { Tallies } from './tallies.ts';
import type { UnitOfWork } from './unit.ts';

export interface Outgoing {
  readonly id: string;
  readonly sender_id: string;
  /** The session that sends; it must serve the sender still. Null for the operator and for the broker itself. */
  readonly session_id: string | null;
  /** Names or ids; naming one twice is naming it once. */
  readonly to: readonly string[];
  readonly text: PeerText;
  readonly reply_to: string | undefined;
  readonly intent: Intent;
  readonly priority: Priority;
  readonly idempotency_key: string | undefined;
}

/** What became of a message for one of its recipients. */
export interface SentTo {
  readonly record: EntryRecord;
  /** Leased in this commit to the session that waited for it. */
  readonly handed: boolean;
}

export type Sent =
  | {
      readonly ok: true;
      readonly message_id: string;
      /** One for each recipient that has it, in the order in which they were named. */
      readonly to: readonly SentTo[];
      /** Those who do not have it: their mailbox is full. Of a repeated send also those who have it no more. */
      readonly without: readonly PeerShort[];
      /** False for a repeated idempotency key: the first send's message stands. */
      readonly fresh: boolean;
    }
  | { readonly ok: false; readonly reason: 'no-such-peer'; readonly ref: string; readonly names: readonly string[] }
  | {
      readonly ok: false;
      readonly reason: 'no-such-reply-to' | 'to-self' | 'mailbox-full' | 'key-reused' | 'session-ended';
    };

/** The request for mail that the session of this peer holds at this moment. */
export type Waiting = (peer_id: string) => WaitingSession | undefined;

interface Addressee extends RecipientRecord {
  readonly person_id: string;
}

const findAddressees = prepared((db, { refs, keys }: { refs: readonly string[]; keys: readonly string[] }) =>
  selectRecipients(db)
    .select(['peers.name_key', 'peers.merged_into'])
    .where((eb) => eb.or([eb('peers.id', 'in', anyOf(db, refs)), eb('peers.name_key', 'in', anyOf(db, keys))])),
);

const findHumansOf = prepared((db, { persons }: { persons: readonly string[] }) =>
  selectRecipients(db).where('peers.person_id', 'in', anyOf(db, persons)).where('peers.kind', '=', 'human'),
);

interface Answered {
  readonly seq: number;
  readonly conversation_id: string;
}

const findAnswered = prepared((db, { ids }: { ids: readonly string[] }) =>
  db
    .selectFrom('messages')
    .innerJoin('entries', 'entries.message_seq', 'messages.seq')
    .select(['messages.id', 'messages.seq', 'messages.conversation_id', 'messages.sender_id', 'entries.recipient_id'])
    .where('messages.id', 'in', anyOf(db, ids)),
);

/** By key alone: keys are random, and senders x keys would be probes for a whole batch squared. */
const findByKey = prepared((db, { keys }: { keys: readonly string[] }) =>
  db
    .selectFrom('messages')
    .innerJoin('entries', 'entries.message_seq', 'messages.seq')
    .select([
      'messages.id',
      'messages.text',
      'messages.sender_id',
      'messages.idempotency_key',
      'entries.recipient_id',
      'entries.first_recipient_id',
    ])
    .where('idempotency_key', 'in', anyOf(db, keys)),
);

const countUnpushed = prepared((db, { ids }: { ids: readonly string[] }) =>
  db
    .selectFrom('entries')
    .select(['recipient_id', ({ fn }) => fn.countAll<number>().as('n')])
    .where('recipient_id', 'in', anyOf(db, ids))
    .where('pushed_at', 'is', null)
    .where(WAITING)
    .groupBy('recipient_id'),
);

/** A repeated key inserts nothing: two tries at once are one message on every engine. */
const insertMessages = prepared((db, { rows }: { rows: readonly Insertable<MessagesTable>[] }) =>
  db
    .insertInto('messages')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['idempotency_key', 'sender_id']).where('idempotency_key', 'is not', null).doNothing(),
    )
    .returning(['id', 'seq']),
);

const insertEntries = prepared((db, { rows }: { rows: readonly Insertable<EntriesTable>[] }) =>
  db.insertInto('entries').values(rows),
);

const setNamed = prepared((db, { seq, reader_id, now }: { seq: number; reader_id: string; now: number }) =>
  db
    .updateTable('entries')
    .set({ state: 'confirmed', confirmed_at: now, confirmed_by: 'named', ...UNLEASED })
    .where('message_seq', '=', seq)
    .where('recipient_id', '=', reader_id)
    .where(WAITING)
    .returning('message_seq'),
);

/** A message that will be stored, unless its idempotency key says that it was. */
interface Draft {
  readonly message: Outgoing;
  readonly from: Addressee;
  /** All recipients, in the order in which they were named. */
  readonly named: readonly Addressee[];
  /** Those of them whose mailbox has room. */
  readonly to: readonly Addressee[];
  readonly answers: Answered | undefined;
  /** Why it cannot be stored now; it may have been before. */
  readonly refused: 'no-such-reply-to' | 'mailbox-full' | undefined;
}

export class Sending {
  readonly #u: UnitOfWork;
  readonly #room: MailboxRoom;

  constructor(unit: UnitOfWork, room: MailboxRoom) {
    this.#u = unit;
    this.#room = room;
  }

  /**
   * Puts messages into mailboxes. What a waiting session may have is leased to it.
   * @returns one result for each message
   */
  async send(outgoing: readonly Outgoing[], waiting: Waiting = () => undefined): Promise<Sent[]> {
    const { db } = this.#u;
    const refs = unique(outgoing.flatMap(({ to, sender_id }) => [...to, sender_id]));
    const found = await this.#addressees(refs);
    const replies = await this.#answered(outgoing);
    const drafts: (Draft | Sent)[] = [];
    const coming = new Map<string, number>();
    for (const message of outgoing) drafts.push(await this.#draft(message, found, replies, coming));
    const accepted = drafts.filter((draft) => 'message' in draft).filter(({ refused }) => refused === undefined);
    const rows = accepted.map(({ message, answers }) => ({
      id: message.id,
      sender_id: message.sender_id,
      conversation_id: answers?.conversation_id ?? message.id,
      reply_to: message.reply_to ?? null,
      intent: message.intent,
      priority: rankOf(message.priority),
      text: message.text,
      created_at: this.#u.now,
      idempotency_key: message.idempotency_key ?? null,
    }));
    const seqs = new Map<string, number>();
    for (const chunk of chunks(rows))
      for (const { id, seq } of await insertMessages(db, { rows: chunk })) seqs.set(id, seq);

    const takers = await this.#takers(accepted, waiting);
    const entries: Insertable<EntriesTable>[] = [];
    const stored = new Map<Draft, Sent>();
    for (const draft of accepted) {
      const seq = seqs.get(draft.message.id);
      if (seq !== undefined) stored.set(draft, await this.#store(draft, seq, takers, entries));
    }
    for (const chunk of chunks(entries)) await insertEntries(db, { rows: chunk });
    const results: Sent[] = [];
    for (const draft of drafts)
      results.push('message' in draft ? (stored.get(draft) ?? (await this.#repeated(draft))) : draft);
    return results;
  }

  /** Whom refs name, with their sessions: an id beats a name. On PostgreSQL they stay as they are until the commit. */
  async #addressees(refs: readonly string[]): Promise<(ref: string) => Addressee | undefined> {
    const { db, engine } = this.#u;
    const keys = unique(refs.map(nameKey));
    if (engine === 'postgres') {
      await sql`select id from peers where id in ${anyOf(db, refs)} or name_key in ${anyOf(db, keys)} for share`.execute(
        db,
      );
    }
    const rows = await findAddressees(db, { refs, keys });
    const byId = new Map<string, Addressee>();
    const byKey = new Map<string, Addressee>();
    for (const row of rows) {
      const peer = row.merged_into === null ? toAddressee(row) : await this.#current(row.merged_into);
      byId.set(row.id, peer);
      byKey.set(row.name_key, peer);
    }
    return (ref) => byId.get(ref) ?? byKey.get(nameKey(ref));
  }

  async #current(merged_into: string): Promise<Addressee> {
    const id = await new Peers(this.#u).currentId(merged_into);
    const [row] = await findAddressees(this.#u.db, { refs: [id], keys: [] });
    if (!row) throw new Error(`a merged peer points to ${id}, which is no peer`);
    return toAddressee(row);
  }

  /** The message each reply answers, where its author may know it: as its sender or as one of its recipients. */
  async #answered(outgoing: readonly Outgoing[]): Promise<Map<string, Answered>> {
    const ids = unique(outgoing.flatMap(({ reply_to }) => reply_to ?? []));
    const known = new Map<string, Answered>();
    if (ids.length === 0) return known;
    for (const row of await findAnswered(this.#u.db, { ids })) {
      known.set(`${row.id} ${row.sender_id}`, row);
      known.set(`${row.id} ${row.recipient_id}`, row);
    }
    return known;
  }

  async #draft(
    outgoing: Outgoing,
    find: (ref: string) => Addressee | undefined,
    replies: ReadonlyMap<string, Answered>,
    coming: Map<string, number>,
  ): Promise<Draft | Sent> {
    const from = find(outgoing.sender_id);
    if (!from || (outgoing.session_id !== null && from.session_id !== outgoing.session_id)) {
      return { ok: false, reason: 'session-ended' };
    }
    // it may have turned out to be another peer since it was asked
    const message = { ...outgoing, sender_id: from.short.id };
    const named = new Map<string, Addressee>();
    for (const ref of message.to) {
      const peer = nameKey(ref) === OPERATOR_NAME ? await this.#humanOf(from.person_id) : find(ref);
      if (!peer) return { ok: false, reason: 'no-such-peer', ref, names: await new Peers(this.#u).names() };
      // a list that names its sender means the others
      if (peer.short.id !== message.sender_id) named.set(peer.short.id, peer);
    }
    if (named.size === 0) return { ok: false, reason: 'to-self' };
    const answers =
      message.reply_to === undefined ? undefined : replies.get(`${message.reply_to} ${message.sender_id}`);
    const draft = { message, from, named: [...named.values()], to: [], answers };
    if (message.reply_to !== undefined && !answers) return { ...draft, refused: 'no-such-reply-to' };
    const to: Addressee[] = [];
    for (const peer of named.values()) {
      const { id } = peer.short;
      const ahead = coming.get(id) ?? 0;
      if (!(await this.#room.take(this.#u.db, id, this.#u.now, ahead))) continue;
      coming.set(id, ahead + 1);
      to.push(peer);
    }
    return { ...draft, to, refused: to.length === 0 ? 'mailbox-full' : undefined };
  }

  async #humanOf(person_id: string): Promise<Addressee | undefined> {
    const [row] = await findHumansOf(this.#u.db, { persons: [person_id] });
    return row && toAddressee(row);
  }

  /** The waiting sessions of recipients, but for mailboxes with so much in them that it has to come in turns. */
  async #takers(drafts: readonly Draft[], waiting: Waiting): Promise<(peer: Addressee) => WaitingSession | undefined> {
    const requests = new Map<string, WaitingSession>();
    for (const { to } of drafts) {
      for (const { short, session_id, recipient } of to) {
        const request = waiting(short.id);
        if (request && recipient.online && request.session.id === session_id) requests.set(short.id, request);
      }
    }
    const left = new Map<string, number>();
    if (requests.size > 0) {
      for (const id of requests.keys()) left.set(id, LEASED_PER_SENDER);
      const counted = await countUnpushed(this.#u.db, { ids: [...requests.keys()] });
      for (const { recipient_id, n } of counted) left.set(recipient_id, LEASED_PER_SENDER - Number(n));
    }
    return ({ short }) => {
      const room = left.get(short.id) ?? 0;
      left.set(short.id, room - 1);
      return room > 0 ? requests.get(short.id) : undefined;
    };
  }

  /** The message is new: its entries, what its recipients get at once, and what it tells. */
  async #store(
    { message, from, named, to, answers }: Draft,
    seq: number,
    taker: (peer: Addressee) => WaitingSession | undefined,
    entries: Insertable<EntriesTable>[],
  ): Promise<Sent> {
    const { now, effects } = this.#u;
    const events = new Events(this.#u);
    const text: InboxMessage = {
      message_id: message.id,
      seq,
      conversation_id: answers?.conversation_id ?? message.id,
      from: from.short,
      text: message.text,
      sent_at: iso(now),
      reply_to: message.reply_to ?? null,
      intent: message.intent,
      priority: message.priority,
      redelivered: false,
    };
    const sent = to.map((peer): SentTo => {
      const recipient_id = peer.short.id;
      const request = taker(peer);
      const entry = {
        ...NEW_ENTRY,
        queued_at: now,
        ...(request ? leasedTo(request.session, request.request, now) : {}),
      };
      entries.push({ ...entry, recipient_id, message_seq: seq });
      const of = { peer_id: recipient_id, other_id: message.sender_id, message_id: message.id };
      events.tell({ kind: 'message.sent', ...of });
      if (request) {
        events.tell({ kind: 'message.leased', ...of });
        effects.handed.push({ to: request, message: text });
      } else effects.wakes.add(recipient_id);
      const record = { message_id: message.id, to: peer.short, recipient: peer.recipient, entry };
      return { record, handed: request !== undefined };
    });
    if (answers) await this.#confirmNamed(answers.seq, message);
    const without = named.filter((peer) => !to.includes(peer)).map(({ short }) => short);
    return { ok: true, fresh: true, message_id: message.id, to: sent, without };
  }

  /** Whoever answers a message by its id has read it. */
  async #confirmNamed(seq: number, { sender_id, reply_to }: Outgoing): Promise<void> {
    const { db, now } = this.#u;
    const updated = await setNamed(db, { seq, reader_id: sender_id, now });
    if (updated.length === 0 || reply_to === undefined) return;
    await new Tallies(this.#u).addConfirmed(1);
    const answered = await db.selectFrom('messages').select('sender_id').where('seq', '=', seq).executeTakeFirst();
    const other_id = answered?.sender_id ?? null;
    new Events(this.#u).tell({
      kind: 'message.confirmed',
      peer_id: sender_id,
      other_id,
      message_id: reply_to,
      state: 'named',
    });
  }

  /**
   * A message with this key was stored before, or this one is refused. The same message again is answered as the first
   * time, whatever would be in its way now.
   */
  async #repeated({ message, named, refused }: Draft): Promise<Sent> {
    const { idempotency_key, sender_id, text } = message;
    const rows = idempotency_key === undefined ? [] : await findByKey(this.#u.db, { keys: [idempotency_key] });
    const earlier = rows.filter((row) => row.sender_id === sender_id);
    const [first] = earlier;
    if (!first) return { ok: false, reason: refused ?? 'key-reused' };
    const places = new Map(named.map(({ short }, place) => [short.id, place]));
    // what was moved to another mailbox since says nothing of where it was sent
    const isSame = earlier.every((row) => row.first_recipient_id !== null || places.has(row.recipient_id));
    if (first.text !== text || !isSame) return { ok: false, reason: 'key-reused' };
    const has = new Map<string, number>();
    for (const { recipient_id, first_recipient_id } of earlier) {
      const place = places.get(recipient_id) ?? places.get(first_recipient_id ?? '') ?? named.length;
      has.set(recipient_id, place);
      if (first_recipient_id !== null) has.set(first_recipient_id, place);
    }
    const records = await new Messages(this.#u).entriesOf(first.id);
    records.sort((a, b) => (has.get(a.to.id) ?? 0) - (has.get(b.to.id) ?? 0));
    return {
      ok: true,
      fresh: false,
      message_id: first.id,
      to: records.map((record) => ({ record, handed: false })),
      without: named.filter(({ short }) => !has.has(short.id)).map(({ short }) => short),
    };
  }
}

const NEW_ENTRY = {
  ...QUEUED,
  first_recipient_id: null,
  confirmed_at: null,
  confirmed_by: null,
  orphaned_at: null,
} as const;

function toAddressee(row: Parameters<typeof toRecipientRecord>[0]): Addressee {
  return { ...toRecipientRecord(row), person_id: row.person_id };
}
