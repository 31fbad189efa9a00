/** Queries about who wants to know when a peer falls idle. */
import type { Db } from './common.ts';

export async function watchIdle(db: Db, peer_id: string, watcher_id: string, now: number): Promise<void> {
  await db
    .insertInto('idle_watches')
    .values({ peer_id, watcher_id, created_at: now })
    .onConflict((conflict) => conflict.columns(['peer_id', 'watcher_id']).doNothing())
    .execute();
}

export async function takeIdleWatchers(db: Db, peer_id: string): Promise<string[]> {
  const taken = await db.deleteFrom('idle_watches').where('peer_id', '=', peer_id).returning('watcher_id').execute();
  return taken.map(({ watcher_id }) => watcher_id);
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
