/** Messages, as their recipients, their senders and the operator see them. */

import { sql } from 'kysely';
import type { Evidence, InboxMessage, PeerShort, RecentMessage } from '../../shared/contract/types.ts';
import { type PeerText, preview } from '../../shared/peer-text.ts';
import type { Entry, Recipient } from '../core/mailbox.ts';
import { iso, priorityOf, selectRecipients, toRecipientRecord, unique } from './common.ts';
import { anyNumberOf, anyOf } from './lists.ts';
import type { Db, UnitOfWork } from './unit.ts';

const PREVIEW_MAX_BYTES = 400;

/** One message in one mailbox, and what its sender may be told of it. */
export interface EntryRecord {
  readonly message_id: string;
  readonly to: PeerShort;
  readonly recipient: Recipient;
  readonly entry: Entry & {
    readonly queued_at: number;
    readonly leased_at: number | null;
    readonly confirmed_at: number | null;
    readonly confirmed_by: Evidence | null;
  };
}

/** Enough of a text for its preview, whatever is cleaned out of it: the whole may have 64 KB. */
const PREVIEWED_CHARS = 2_000;

/** The beginning of a message's text, for a preview. */
export function beginning(db: Db) {
  return db.fn<PeerText>('substr', ['messages.text', sql.lit(1), sql.lit(PREVIEWED_CHARS)]);
}

/** The columns of a message as its recipient sees it, without its text. */
function selectHeads(db: Db) {
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
      'messages.created_at',
      'sender.id as sender_id',
      'sender.name as sender_name',
      'sender.kind as sender_kind',
    ]);
}

/** The columns of a message as its recipient sees it. */
export function selectMessages(db: Db) {
  return selectHeads(db).select('messages.text');
}

type SelectedMessage = Awaited<ReturnType<ReturnType<typeof selectMessages>['execute']>>[number];

export function toInboxMessage(row: SelectedMessage, redelivered: boolean): InboxMessage {
  return {
    message_id: row.id,
    seq: row.seq,
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

export class Messages {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  async find(message_id: string): Promise<{ message: InboxMessage; entries: EntryRecord[] } | undefined> {
    const row = await selectMessages(this.#u.db).where('messages.id', '=', message_id).executeTakeFirst();
    return row && { message: toInboxMessage(row, false), entries: await this.entriesOf(message_id) };
  }

  /** One for each recipient, in the order of their names. */
  async entriesOf(message_id: string): Promise<EntryRecord[]> {
    const { db } = this.#u;
    const entries = await db
      .selectFrom('entries')
      .innerJoin('messages', 'messages.seq', 'entries.message_seq')
      .selectAll('entries')
      .where('messages.id', '=', message_id)
      .execute();
    const ids = unique(entries.map(({ recipient_id }) => recipient_id));
    const rows =
      ids.length === 0
        ? []
        : await selectRecipients(db).where('peers.id', 'in', anyOf(db, ids)).orderBy('peers.name_key').execute();
    const byRecipient = new Map(entries.map((entry) => [entry.recipient_id, entry]));
    return rows.flatMap((row) => {
      const entry = byRecipient.get(row.id);
      const { short, recipient } = toRecipientRecord(row);
      return entry ? [{ message_id, to: short, recipient, entry }] : [];
    });
  }

  /** The newest messages, or those after one that is known; oldest first. */
  async recent(after_seq: number | undefined, limit: number): Promise<RecentMessage[]> {
    const messages = selectHeads(this.#u.db).select(beginning(this.#u.db).as('text'));
    const rows =
      after_seq === undefined
        ? (await messages.orderBy('messages.seq', 'desc').limit(limit).execute()).reverse()
        : await messages.where('messages.seq', '>', after_seq).orderBy('messages.seq').limit(limit).execute();
    const recipients = await this.#recipientsOf(rows.map(({ seq }) => seq));
    return rows.map((row) => {
      const { message_id, from, sent_at, reply_to, intent, priority, text } = toInboxMessage(row, false);
      const to = recipients.get(row.seq) ?? [];
      const line = preview(text, PREVIEW_MAX_BYTES);
      return { seq: row.seq, message_id, from, to, sent_at, reply_to, intent, priority, preview: line };
    });
  }

  async #recipientsOf(seqs: readonly number[]): Promise<Map<number, PeerShort[]>> {
    const found = new Map<number, PeerShort[]>();
    if (seqs.length === 0) return found;
    const { db } = this.#u;
    const rows = await db
      .selectFrom('entries')
      .innerJoin('peers', 'peers.id', 'entries.recipient_id')
      .select(['entries.message_seq', 'peers.id', 'peers.name', 'peers.kind'])
      .where('entries.message_seq', 'in', anyNumberOf(db, seqs))
      .orderBy('peers.name_key')
      .execute();
    for (const { message_seq, id, name, kind } of rows) {
      found.set(message_seq, [...(found.get(message_seq) ?? []), { id, name, kind }]);
    }
    return found;
  }
}
