/** Who wants to be told when a peer falls idle. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<never>): Promise<void> {
  await db.schema
    .createTable('idle_watches')
    .addColumn('peer_id', 'text', (c) => c.notNull().references('peers.id').onDelete('cascade'))
    .addColumn('watcher_id', 'text', (c) => c.notNull().references('peers.id').onDelete('cascade'))
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('idle_watches_key', ['peer_id', 'watcher_id'])
    .execute();
}
