/** The values of `PEER_NAME` that lead to a peer. */
import { sql } from 'kysely';
import type { UnitOfWork } from './unit.ts';

/** The session of this peer was started with this `PEER_NAME`: for good it leads there. */
export async function rememberStart({ db }: UnitOfWork, name_key: string, peer_id: string): Promise<void> {
  await db
    .insertInto('wanted_names')
    .values({ name_key, peer_id, by_rename: 0 })
    .onConflict((conflict) => conflict.columns(['name_key', 'peer_id']).doUpdateSet({ by_rename: 0 }))
    .execute();
}

/** The peer has this name by a rename. Peers that were never started by a name stay out: theirs is the conversation. */
export async function rememberRename(u: UnitOfWork, name_key: string, peer_id: string): Promise<void> {
  await u.db.deleteFrom('wanted_names').where('peer_id', '=', peer_id).where('by_rename', '=', 1).execute();
  if (!(await hasWantedName(u, peer_id))) return;
  await u.db
    .insertInto('wanted_names')
    .values({ name_key, peer_id, by_rename: 1 })
    .onConflict((conflict) => conflict.columns(['name_key', 'peer_id']).doNothing())
    .execute();
}

export async function hasWantedName({ db }: UnitOfWork, peer_id: string): Promise<boolean> {
  const row = await db.selectFrom('wanted_names').select('peer_id').where('peer_id', '=', peer_id).executeTakeFirst();
  return row !== undefined;
}

/** The peers that this `PEER_NAME` may mean: the one that is called so first, then the others, oldest first. */
export async function peersWanted({ db }: UnitOfWork, name_key: string, credential_hash: string): Promise<string[]> {
  const rows = await db
    .selectFrom('wanted_names')
    .innerJoin('peers', 'peers.id', 'wanted_names.peer_id')
    .select('peers.id')
    .where('wanted_names.name_key', '=', name_key)
    .where('peers.credential_hash', '=', credential_hash)
    .orderBy(sql`case when peers.name_key = ${name_key} then 0 else 1 end`)
    .orderBy('peers.created_at')
    .orderBy('peers.name_key')
    .execute();
  return rows.map(({ id }) => id);
}
