/** Queries that find messages, as their recipients and their senders see them. */
import type { InboxMessage } from '../../../shared/contract/types.ts';
import type { EntryRecord } from '../store.ts';
import { type Db, iso, priorityOf, selectRecipients, toRecipientRecord, unique } from './common.ts';
import { anyOf } from './lists.ts';

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

export async function entriesOf(db: Db, message_id: string): Promise<EntryRecord[]> {
  const entries = await db
    .selectFrom('entries')
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .selectAll('entries')
    .where('messages.id', '=', message_id)
    .execute();
  const ids = unique(entries.map(({ recipient_id }) => recipient_id));
  const rows = ids.length === 0 ? [] : await selectRecipients(db).where('peers.id', 'in', anyOf(ids)).execute();
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
