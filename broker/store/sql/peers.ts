/** Queries about peers. */
import { type SelectQueryBuilder, sql } from 'kysely';
import type { Peer } from '../../../shared/contract/types.ts';
import { type PeerText, peerText } from '../../../shared/peer-text.ts';
import { nameKey, OPERATOR_NAME } from '../../core/names.ts';
import type { Database } from '../schema.ts';
import type { PeerChanges, PeerRecord } from '../store.ts';
import { type Db, selectPeers, toPeerRecord } from './common.ts';
import { rememberRename } from './wanted-names.ts';

/** The id that a peer has now: merged peers point to the one they became. */
export async function currentId(db: Db, peer_id: string): Promise<string> {
  let id = peer_id;
  // a merge always points to a peer that lived on, so the chain is short and has an end
  for (;;) {
    const row = await db.selectFrom('peers').select('merged_into').where('id', '=', id).executeTakeFirst();
    if (!row?.merged_into) return id;
    id = row.merged_into;
  }
}

export async function findPeer(db: Db, ref: string): Promise<PeerRecord | undefined> {
  const found = await db
    .selectFrom('peers')
    .select('id')
    .where((eb) => eb.or([eb('id', '=', ref), eb('name_key', '=', nameKey(ref))]))
    // an id beats a name that happens to look like one
    .orderBy(sql`id = ${ref}`, 'desc')
    .limit(1)
    .executeTakeFirst();
  return found && getPeer(db, await currentId(db, found.id));
}

export async function getPeer(db: Db, id: string): Promise<PeerRecord> {
  return toPeerRecord(await selectPeers(db).where('peers.id', '=', id).executeTakeFirstOrThrow());
}

export async function listPeers(
  db: Db,
  options: { include_offline: boolean; kind?: Peer['kind'] },
): Promise<PeerRecord[]> {
  let query = selectPeers(db).where('peers.merged_into', 'is', null);
  // the human has no session and is there all the same
  if (!options.include_offline)
    query = query.where((eb) => eb.or([eb('sessions.id', 'is not', null), eb('peers.kind', '=', 'human')]));
  if (options.kind) query = query.where('peers.kind', '=', options.kind);
  const rows = await query
    .orderBy(sql`sessions.id is null`)
    .orderBy('peers.last_seen_at', 'desc')
    .orderBy('peers.name_key')
    .execute();
  return rows.map(toPeerRecord);
}

export async function peerNames(db: Db): Promise<string[]> {
  const rows = await unmerged(db.selectFrom('peers').select('name')).execute();
  return rows.map(({ name }) => name);
}

function unmerged<O>(query: SelectQueryBuilder<Database, 'peers', O>): SelectQueryBuilder<Database, 'peers', O> {
  return query.where('merged_into', 'is', null);
}

/** The names that a new peer cannot have, in lower case. */
export async function takenNames(db: Db): Promise<Set<string>> {
  const rows = await db.selectFrom('peers').select('name_key').execute();
  return new Set([OPERATOR_NAME, ...rows.map(({ name_key }) => name_key)]);
}

export async function updatePeer(db: Db, peer_id: string, changes: PeerChanges): Promise<PeerRecord> {
  const { summary, summary_source = 'agent', tags, status, status_message } = changes;
  if (summary !== undefined) {
    let update = db.updateTable('peers').set({ summary, summary_source }).where('id', '=', peer_id);
    if (summary_source === 'auto') update = update.where('summary_source', '!=', 'agent');
    await update.execute();
  }
  const rest = {
    ...(tags === undefined ? {} : { tags: JSON.stringify([...new Set(tags)]) }),
    ...(status === undefined ? {} : { status, status_message: status_message ?? peerText('') }),
    ...(status === undefined && status_message !== undefined ? { status_message } : {}),
  };
  if (Object.keys(rest).length > 0) await db.updateTable('peers').set(rest).where('id', '=', peer_id).execute();
  return getPeer(db, peer_id);
}

export async function renamePeer(db: Db, peer_id: string, name: string): Promise<PeerRecord | undefined> {
  const key = nameKey(name);
  const holder = await db.selectFrom('peers').select('id').where('name_key', '=', key).executeTakeFirst();
  if (holder && holder.id !== peer_id) return undefined;
  if (key === OPERATOR_NAME && (await getPeer(db, peer_id)).kind !== 'human') return undefined;
  await db.updateTable('peers').set({ name, name_key: key }).where('id', '=', peer_id).execute();
  await rememberRename(db, key, peer_id);
  return getPeer(db, peer_id);
}

export async function operatorPeer(db: Db, id_if_new: string, host: PeerText, now: number): Promise<PeerRecord> {
  // written before anything is read: brokers that start at once wait for each other here, where they would fail later
  await db
    .insertInto('peers')
    .values({
      id: id_if_new,
      name: OPERATOR_NAME,
      name_key: OPERATOR_NAME,
      kind: 'human',
      host,
      cwd: peerText(''),
      repo: peerText(''),
      branch: peerText(''),
      summary: peerText('The human. Reads mail with `agent-peers inbox`.'),
      summary_source: 'auto',
      tags: '[]',
      status: 'active',
      status_message: peerText(''),
      credential_hash: '',
      merged_into: null,
      created_at: now,
      last_seen_at: now,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { id } = await db.selectFrom('peers').select('id').where('kind', '=', 'human').executeTakeFirstOrThrow();
  return getPeer(db, id);
}
