/** Queries about the values of `PEER_NAME` that lead to a peer. */
import { sql } from 'kysely';
import type { Db } from './common.ts';

/** A session of this peer was started with this `PEER_NAME`, which leads to the peer from now on. */
export async function rememberStart(db: Db, name_key: string, peer_id: string): Promise<void> {
  await db
    .insertInto('wanted_names')
    .values({ name_key, peer_id, by_rename: 0 })
    .onConflict((conflict) => conflict.columns(['name_key', 'peer_id']).doUpdateSet({ by_rename: 0 }))
    .execute();
}

/** The peer has this name by a rename. One that was never started by a name is left out: its conversation leads to it. */
export async function rememberRename(db: Db, name_key: string, peer_id: string): Promise<void> {
  await db.deleteFrom('wanted_names').where('peer_id', '=', peer_id).where('by_rename', '=', 1).execute();
  if (!(await hasWantedName(db, peer_id))) return;
  await db
    .insertInto('wanted_names')
    .values({ name_key, peer_id, by_rename: 1 })
    .onConflict((conflict) => conflict.columns(['name_key', 'peer_id']).doNothing())
    .execute();
}

export async function hasWantedName(db: Db, peer_id: string): Promise<boolean> {
  const row = await db.selectFrom('wanted_names').select('peer_id').where('peer_id', '=', peer_id).executeTakeFirst();
  return row !== undefined;
}

/** The peers that this `PEER_NAME` may mean: the one that is called so first, then the others, oldest first. */
export async function peersWanted(db: Db, name_key: string, credential_hash: string): Promise<string[]> {
  const rows = await db
    .selectFrom('wanted_names')
    .innerJoin('peers', 'peers.id', 'wanted_names.peer_id')
    .select('peers.id')
    .where('wanted_names.name_key', '=', name_key)
    .where('peers.credential_hash', '=', credential_hash)
    .orderBy(sql`peers.name_key = ${name_key}`, 'desc')
    .orderBy('peers.created_at')
    .orderBy('peers.name_key')
    .execute();
  return rows.map(({ id }) => id);
}
