/** Queries about sessions, and how a session finds its peer again. */
import type { Activity, Conversation, PushRoute } from '../../../shared/contract/types.ts';
import { type PeerText, peerText } from '../../../shared/peer-text.ts';
import { freeName, nameKey } from '../../core/names.ts';
import type { SessionRow } from '../schema.ts';
import type { PeerRecord, Registered, Registration, SessionRecord } from '../store.ts';
import type { Db } from './common.ts';
import { isLeasedBy, RELEASED } from './common.ts';
import { moveIdleWatches } from './idle-watches.ts';
import { anyOf } from './lists.ts';
import { currentId, getPeer, takenNames } from './peers.ts';

const RANDOM_NAME_TRIES = 20;

function toSession(row: Pick<SessionRow, 'id' | 'peer_id' | 'process' | 'ended_at' | 'end_reason'>): SessionRecord {
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

async function openSession(db: Db, peer_id: string): Promise<SessionRow | undefined> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('peer_id', '=', peer_id)
    .where('ended_at', 'is', null)
    .executeTakeFirst();
}

/** The peer this registration may be again, if any. */
async function reclaim(db: Db, r: Registration): Promise<string | undefined> {
  for (const { peer_id, credential_hash } of r.credentials) {
    const known = await db
      .selectFrom('peers')
      .select(['id', 'credential_hash'])
      .where('id', '=', peer_id)
      .executeTakeFirst();
    if (!known || known.credential_hash !== credential_hash) continue;
    const id = await currentId(db, known.id);
    const open = await openSession(db, id);
    const mine =
      open?.process === r.process ||
      (r.conversation !== undefined && open?.conversation === conversationKey(r.conversation));
    // a peer whose session lives is not taken over by a name
    if (!open || mine || !r.is_live(open)) return id;
  }
  if (r.wanted_name !== undefined || r.conversation === undefined) return undefined;
  const id = await conversationPeer(db, r.conversation);
  const open = id === undefined ? undefined : await openSession(db, id);
  return open && hasMovedOn(open, r.conversation) && r.is_live(open) ? undefined : id;
}

/** The session began another conversation since, as its client's user may: this one is nobody's now. */
function hasMovedOn(session: SessionRow, conversation: Conversation): boolean {
  return session.conversation !== null && session.conversation !== conversationKey(conversation);
}

function conversationKey(conversation: Conversation): string {
  return `${conversation.client}:${conversation.id}`;
}

/** Whose conversation it is; follows merged peers. */
export async function conversationPeer(db: Db, conversation: Conversation): Promise<string | undefined> {
  const row = await db
    .selectFrom('client_conversations')
    .select('peer_id')
    .where('client', '=', conversation.client)
    .where('conversation', '=', conversation.id)
    .executeTakeFirst();
  return row && currentId(db, row.peer_id);
}

async function rememberConversation(db: Db, conversation: Conversation, peer_id: string): Promise<void> {
  await db
    .insertInto('client_conversations')
    .values({ client: conversation.client, conversation: conversation.id, peer_id })
    .onConflict((conflict) => conflict.columns(['client', 'conversation']).doUpdateSet({ peer_id }))
    .execute();
}

function newName(r: Registration, taken: ReadonlySet<string>): string {
  const isTaken = (key: string) => taken.has(key);
  if (r.wanted_name !== undefined) return freeName(r.wanted_name, isTaken);
  let name = r.fallback_name();
  for (let i = 0; i < RANDOM_NAME_TRIES && isTaken(nameKey(name)); i += 1) name = r.fallback_name();
  return freeName(name, isTaken);
}

export async function registerSession(db: Db, r: Registration, now: number): Promise<Registered> {
  const reclaimed = await reclaim(db, r);
  const peer_id = reclaimed ?? r.new_peer_id;
  const place = { kind: r.kind, host: r.host, cwd: r.cwd, repo: r.repo, branch: r.branch, last_seen_at: now };
  let superseded: string | null = null;
  if (reclaimed !== undefined) {
    const open = await openSession(db, peer_id);
    if (open) {
      superseded = open.id;
      await endSession(db, open.id, open.process === r.process ? 'registered again' : 'superseded', [], now);
    }
    await db.updateTable('peers').set(place).where('id', '=', peer_id).execute();
  } else {
    const name = newName(r, await takenNames(db));
    await db
      .insertInto('peers')
      .values({
        ...place,
        id: peer_id,
        name,
        name_key: nameKey(name),
        summary: peerText(''),
        summary_source: 'none',
        tags: '[]',
        status: 'active',
        status_message: peerText(''),
        credential_hash: r.credential_hash,
        merged_into: null,
        created_at: now,
      })
      .execute();
  }
  if (r.conversation) await rememberConversation(db, r.conversation, peer_id);
  const session = {
    id: r.session_id,
    peer_id,
    token_hash: r.token_hash,
    process: r.process,
    pid: r.pid,
    push_route: r.push_route,
    activity: 'unknown',
    client_name: r.client.name,
    client_version: r.client.version,
    conversation: r.conversation ? conversationKey(r.conversation) : null,
    started_at: now,
    detached_at: null,
    ended_at: null,
    end_reason: null,
  } as const;
  await db.insertInto('sessions').values(session).execute();
  return {
    peer: await getPeer(db, peer_id),
    session: toSession(session),
    resumed: reclaimed !== undefined,
    superseded,
  };
}

export async function bindConversation(
  db: Db,
  session_id: string,
  conversation: Conversation,
  now: number,
): Promise<{ peer: PeerRecord; adopted: boolean; superseded: string | null }> {
  const session = await db.selectFrom('sessions').selectAll().where('id', '=', session_id).executeTakeFirstOrThrow();
  const fresh = session.peer_id;
  const earlier = await conversationPeer(db, conversation);
  await db
    .updateTable('sessions')
    .set({ conversation: conversationKey(conversation) })
    .where('id', '=', session_id)
    .execute();
  const other = earlier === undefined ? undefined : await openSession(db, earlier);
  if (earlier === undefined || earlier === fresh || (other?.detached_at === null && hasMovedOn(other, conversation))) {
    await rememberConversation(db, conversation, fresh);
    return { peer: await getPeer(db, fresh), adopted: false, superseded: null };
  }
  if (other) await endSession(db, other.id, 'superseded', [], now);
  // while the session is still its old peer's: that mailbox has the leases
  if (await servesConversation(db, fresh)) await releaseLeases(db, session_id);
  else await merge(db, fresh, earlier);
  await db.updateTable('sessions').set({ peer_id: earlier }).where('id', '=', session_id).execute();
  const from = await db.selectFrom('peers').selectAll().where('id', '=', fresh).executeTakeFirstOrThrow();
  await db
    .updateTable('peers')
    .set({ kind: from.kind, host: from.host, cwd: from.cwd, repo: from.repo, branch: from.branch, last_seen_at: now })
    .where('id', '=', earlier)
    .execute();
  return { peer: await getPeer(db, earlier), adopted: true, superseded: other?.id ?? null };
}

/** Whether a conversation of its own will bring this peer back: it was not made for one session only. */
async function servesConversation(db: Db, peer_id: string): Promise<boolean> {
  const row = await db
    .selectFrom('client_conversations')
    .select('peer_id')
    .where('peer_id', '=', peer_id)
    .executeTakeFirst();
  return row !== undefined;
}

/** All that waits moves along, and what it sent; a broadcast that both mailboxes have stays once. */
async function merge(db: Db, from: string, to: string): Promise<void> {
  const doubled = db.selectFrom('entries').select('message_seq').where('recipient_id', '=', to);
  await db.deleteFrom('entries').where('recipient_id', '=', from).where('message_seq', 'in', doubled).execute();
  await db
    .updateTable('entries')
    .set({ recipient_id: to, first_recipient_id: from })
    .where('recipient_id', '=', from)
    .execute();
  const keysOfBoth = db.selectFrom('messages').select('idempotency_key').where('sender_id', '=', to);
  await db
    .updateTable('messages')
    .set({ idempotency_key: null })
    .where('sender_id', '=', from)
    .where('idempotency_key', 'in', keysOfBoth)
    .execute();
  await db.updateTable('messages').set({ sender_id: to }).where('sender_id', '=', from).execute();
  await moveIdleWatches(db, from, to);
  await db.updateTable('peers').set({ merged_into: to }).where('id', '=', from).execute();
}

/** What the session held waits again. */
async function releaseLeases(db: Db, session_id: string): Promise<void> {
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
