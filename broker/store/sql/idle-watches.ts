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
