/** Queries about who wants to know when a peer falls idle. */
import type { IdleWatchRecord } from '../store.ts';
import type { Db } from './common.ts';

export async function watchIdle(db: Db, peer_id: string, watcher_id: string, now: number): Promise<void> {
  await db
    .insertInto('idle_watches')
    .values({ peer_id, watcher_id, created_at: now })
    .onConflict((conflict) => conflict.columns(['peer_id', 'watcher_id']).doNothing())
    .execute();
}

export function idleWatches(db: Db, peer_id: string): Promise<IdleWatchRecord[]> {
  return db
    .selectFrom('idle_watches')
    .select(['peer_id', 'watcher_id', 'created_at'])
    .where('peer_id', '=', peer_id)
    .orderBy('created_at')
    .execute();
}

export async function endIdleWatch(db: Db, { peer_id, watcher_id, created_at }: IdleWatchRecord): Promise<void> {
  await db
    .deleteFrom('idle_watches')
    .where('peer_id', '=', peer_id)
    .where('watcher_id', '=', watcher_id)
    .where('created_at', '=', created_at)
    .execute();
}

/** One peer turned out to be another: what was wished of it, or by it, is that one's. */
export async function moveIdleWatches(db: Db, from: string, to: string): Promise<void> {
  const moving = await db
    .deleteFrom('idle_watches')
    .where((eb) => eb.or([eb('peer_id', '=', from), eb('watcher_id', '=', from)]))
    .returningAll()
    .execute();
  const now = (id: string) => (id === from ? to : id);
  for (const { peer_id, watcher_id, created_at } of moving) {
    if (now(peer_id) !== now(watcher_id)) await watchIdle(db, now(peer_id), now(watcher_id), created_at);
  }
}
