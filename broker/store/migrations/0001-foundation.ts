/** Peers, sessions, messages and their mailbox entries. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('peers')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('name_key', 'text', (c) => c.notNull().unique())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('host', 'text', (c) => c.notNull())
    .addColumn('cwd', 'text', (c) => c.notNull())
    .addColumn('repo', 'text', (c) => c.notNull())
    .addColumn('branch', 'text', (c) => c.notNull())
    .addColumn('summary', 'text', (c) => c.notNull())
    .addColumn('summary_source', 'text', (c) => c.notNull())
    .addColumn('tags', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('status_message', 'text', (c) => c.notNull())
    .addColumn('credential_hash', 'text', (c) => c.notNull())
    .addColumn('merged_into', 'text', (c) => c.references('peers.id'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('last_seen_at', 'bigint', (c) => c.notNull())
    .execute();

  // one human, whatever the code does
  await sql`create unique index peers_one_human on peers (kind) where kind = 'human'`.execute(db);

  await db.schema
    .createTable('client_conversations')
    .addColumn('client', 'text', (c) => c.notNull())
    .addColumn('conversation', 'text', (c) => c.notNull())
    .addColumn('credential_hash', 'text', (c) => c.notNull())
    .addColumn('peer_id', 'text', (c) => c.notNull().references('peers.id').onDelete('cascade'))
    .addPrimaryKeyConstraint('client_conversations_key', ['client', 'conversation', 'credential_hash'])
    .execute();
  await sql`create index client_conversations_peer on client_conversations (peer_id)`.execute(db);

  await db.schema
    .createTable('wanted_names')
    .addColumn('name_key', 'text', (c) => c.notNull())
    .addColumn('peer_id', 'text', (c) => c.notNull().references('peers.id').onDelete('cascade'))
    .addColumn('by_rename', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('wanted_names_key', ['name_key', 'peer_id'])
    .execute();
  await sql`create index wanted_names_peer on wanted_names (peer_id)`.execute(db);

  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('peer_id', 'text', (c) => c.notNull().references('peers.id').onDelete('cascade'))
    .addColumn('token_hash', 'text', (c) => c.notNull().unique())
    .addColumn('process', 'text', (c) => c.notNull())
    .addColumn('pid', 'integer', (c) => c.notNull())
    .addColumn('push_route', 'text', (c) => c.notNull())
    .addColumn('activity', 'text', (c) => c.notNull())
    .addColumn('client_name', 'text', (c) => c.notNull())
    .addColumn('client_version', 'text', (c) => c.notNull())
    .addColumn('conversation', 'text')
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('detached_at', 'bigint')
    .addColumn('ended_at', 'bigint')
    .addColumn('end_reason', 'text')
    .execute();
  // at most one session per peer, whatever the code does
  await sql`create unique index sessions_one_per_peer on sessions (peer_id) where ended_at is null`.execute(db);

  await db.schema
    .createTable('messages')
    .addColumn('seq', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('id', 'text', (c) => c.notNull().unique())
    .addColumn('sender_id', 'text', (c) => c.notNull().references('peers.id'))
    .addColumn('conversation_id', 'text', (c) => c.notNull())
    .addColumn('reply_to', 'text')
    .addColumn('intent', 'text', (c) => c.notNull())
    .addColumn('priority', 'integer', (c) => c.notNull())
    .addColumn('text', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('idempotency_key', 'text')
    .execute();
  await sql`create unique index messages_idempotency on messages (idempotency_key, sender_id) where idempotency_key is not null`.execute(
    db,
  );

  await db.schema
    .createTable('entries')
    .addColumn('recipient_id', 'text', (c) => c.notNull().references('peers.id'))
    .addColumn('message_seq', 'integer', (c) => c.notNull().references('messages.seq').onDelete('cascade'))
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('queued_at', 'bigint', (c) => c.notNull())
    .addColumn('first_recipient_id', 'text')
    .addColumn('lease_session', 'text')
    .addColumn('lease_until', 'bigint')
    .addColumn('lease_request', 'bigint')
    .addColumn('leased_at', 'bigint')
    .addColumn('shown_by', 'text')
    .addColumn('pushed_at', 'bigint')
    .addColumn('push_route', 'text')
    .addColumn('push_error', 'text')
    .addColumn('confirmed_at', 'bigint')
    .addColumn('confirmed_by', 'text')
    .addPrimaryKeyConstraint('entries_key', ['message_seq', 'recipient_id'])
    // one tree in the order of arrival, so that a commit of many messages writes few pages
    .modifyEnd(sql`without rowid`)
    .execute();
  // what waits is a sliver of what was: every hot query looks at this index only, and those that hand out mail only at
  // what was not pushed yet, however much an agent that listens leaves unproven
  await sql`create index entries_waiting on entries (recipient_id, pushed_at, message_seq)
    where state in ('queued', 'leased')`.execute(db);
}
