/** Queries about sessions: each serves one peer, from its registration to its end. */
import type { Activity, PushRoute } from '../../../shared/contract/types.ts';
import type { PeerText } from '../../../shared/peer-text.ts';
import type { SessionRow } from '../schema.ts';
import type { SessionRecord } from '../store.ts';
import type { Db } from './common.ts';
import { isLeasedBy, RELEASED } from './common.ts';
import { anyOf } from './lists.ts';

export function toSession(
  row: Pick<SessionRow, 'id' | 'peer_id' | 'process' | 'ended_at' | 'end_reason'>,
): SessionRecord {
  return {
    id: row.id,
    peer_id: row.peer_id,
    process: row.process,
    ended: row.ended_at !== null,
    end_reason: row.end_reason,
  };
}

export async function findSession(db: Db, token_hash: string): Promise<SessionRecord | undefined> {
  const row = await db
    .selectFrom('sessions')
    .select(['id', 'peer_id', 'process', 'ended_at', 'end_reason'])
    .where('token_hash', '=', token_hash)
    .executeTakeFirst();
  return row && toSession(row);
}

/** The session that serves this peer, attached or not. */
export async function openSession(db: Db, peer_id: string): Promise<SessionRow | undefined> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('peer_id', '=', peer_id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
}

/** What the session held waits again. */
export async function releaseLeases(db: Db, session_id: string): Promise<void> {
  await db
    .updateTable('entries')
    .set(RELEASED)
    .where(isLeasedBy(db, [session_id]))
    .execute();
}

export async function updateSession(
  db: Db,
  session_id: string,
  changes: { push_route?: PushRoute; activity?: Activity; branch?: PeerText },
): Promise<void> {
  const { branch, ...own } = changes;
  if (Object.keys(own).length > 0) await db.updateTable('sessions').set(own).where('id', '=', session_id).execute();
  if (branch !== undefined) {
    await db
      .updateTable('peers')
      .set({ branch })
      .where('id', '=', db.selectFrom('sessions').select('peer_id').where('id', '=', session_id))
      .execute();
  }
}

async function touchPeers(db: Db, session_ids: readonly string[], now: number): Promise<void> {
  await db
    .updateTable('peers')
    .set({ last_seen_at: now })
    .where('id', 'in', db.selectFrom('sessions').select('peer_id').where('id', 'in', anyOf(session_ids)))
    .execute();
}

export async function markAttached(db: Db, session_id: string, now: number): Promise<void> {
  await db.updateTable('sessions').set({ detached_at: null }).where('id', '=', session_id).execute();
  await touchPeers(db, [session_id], now);
}

export async function markDetached(db: Db, session_id: string, now: number): Promise<string | undefined> {
  const detached = await db
    .updateTable('sessions')
    .set({ detached_at: now })
    .where('id', '=', session_id)
    .where('ended_at', 'is', null)
    .where('detached_at', 'is', null)
    .returning('peer_id')
    .executeTakeFirst();
  if (detached) await touchPeers(db, [session_id], now);
  return detached?.peer_id;
}

export async function endSession(
  db: Db,
  session_id: string,
  reason: string,
  unseen: readonly string[],
  now: number,
): Promise<void> {
  const ended = await db
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('id', '=', session_id)
    .where('ended_at', 'is', null)
    .returning('detached_at')
    .executeTakeFirst();
  if (!ended) return;
  if (unseen.length > 0) {
    await db
      .updateTable('entries')
      .set({ shown_by: null })
      .where('lease_session', '=', session_id)
      .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', anyOf(unseen)))
      .execute();
  }
  await releaseLeases(db, session_id);
  // a detached session was last seen when it detached, not now that it is given up
  if (ended.detached_at === null) await touchPeers(db, [session_id], now);
}

export async function detachAll(db: Db, now: number): Promise<void> {
  const attached = await db
    .selectFrom('sessions')
    .select('id')
    .where('ended_at', 'is', null)
    .where('detached_at', 'is', null)
    .execute();
  if (attached.length === 0) return;
  const ids = attached.map(({ id }) => id);
  await db.updateTable('sessions').set({ detached_at: now }).where('id', 'in', anyOf(ids)).execute();
  await touchPeers(db, ids, now);
}

export async function endDetachedBefore(db: Db, cut: number, now: number): Promise<string[]> {
  const lost = await db
    .selectFrom('sessions')
    .select('id')
    .where('ended_at', 'is', null)
    .where('detached_at', '<', cut)
    .execute();
  for (const { id } of lost) await endSession(db, id, 'lost', [], now);
  return lost.map(({ id }) => id);
}
