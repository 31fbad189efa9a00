/** Queries for the human's eyes: what goes through the broker, and which peer a client's conversation is. */
import type { Conversation, PeerShort, RecentMessage } from '../../../shared/contract/types.ts';
import { preview } from '../../../shared/peer-text.ts';
import type { PeerRecord } from '../store.ts';
import type { Db } from './common.ts';
import { conversationKey } from './identity.ts';
import { anyOf } from './lists.ts';
import { selectMessages, toInboxMessage } from './messages.ts';
import { currentId, getPeer } from './peers.ts';

const PREVIEW_MAX_BYTES = 400;

/** The newest messages, or those after one that is known; oldest first. */
export async function recentMessages(db: Db, after_seq: number | undefined, limit: number): Promise<RecentMessage[]> {
  const rows =
    after_seq === undefined
      ? (await selectMessages(db).orderBy('messages.seq', 'desc').limit(limit).execute()).reverse()
      : await selectMessages(db).where('messages.seq', '>', after_seq).orderBy('messages.seq').limit(limit).execute();
  const recipients = await recipientsOf(
    db,
    rows.map(({ seq }) => seq),
  );
  return rows.map((row) => {
    const { message_id, from, sent_at, reply_to, intent, priority, text } = toInboxMessage(row, false);
    const to = recipients.get(row.seq) ?? [];
    return {
      seq: row.seq,
      message_id,
      from,
      to,
      sent_at,
      reply_to,
      intent,
      priority,
      preview: preview(text, PREVIEW_MAX_BYTES),
    };
  });
}

async function recipientsOf(db: Db, seqs: readonly number[]): Promise<Map<number, PeerShort[]>> {
  const found = new Map<number, PeerShort[]>();
  if (seqs.length === 0) return found;
  const rows = await db
    .selectFrom('entries')
    .innerJoin('peers', 'peers.id', 'entries.recipient_id')
    .select(['entries.message_seq', 'peers.id', 'peers.name', 'peers.kind'])
    .where('entries.message_seq', 'in', anyOf(seqs))
    .orderBy('peers.name_key')
    .execute();
  for (const { message_seq, id, name, kind } of rows) {
    found.set(message_seq, [...(found.get(message_seq) ?? []), { id, name, kind }]);
  }
  return found;
}

export async function peerOfConversation(db: Db, conversation: Conversation): Promise<PeerRecord | undefined> {
  const live = await db
    .selectFrom('sessions')
    .select('peer_id')
    .where('conversation', '=', conversationKey(conversation))
    .where('ended_at', 'is', null)
    .orderBy('started_at', 'desc')
    .executeTakeFirst();
  const last = await db
    .selectFrom('client_conversations')
    .innerJoin('peers', 'peers.id', 'client_conversations.peer_id')
    .select('peers.id as peer_id')
    .where('client', '=', conversation.client)
    .where('conversation', '=', conversation.id)
    .orderBy('peers.last_seen_at', 'desc')
    .executeTakeFirst();
  const found = live ?? last;
  return found && getPeer(db, await currentId(db, found.peer_id));
}
