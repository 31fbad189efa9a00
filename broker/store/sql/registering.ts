/** Queries by which a session comes to its peer: it registers, and later learns which conversation it serves. */
import { peerText } from '../../../shared/peer-text.ts';
import { freeName, nameKey } from '../../core/names.ts';
import type { Binding, Bound, Registered, Registration } from '../store.ts';
import type { Db } from './common.ts';
import {
  conversationKey,
  conversationPeer,
  hasConversation,
  isFree,
  reclaim,
  rememberConversation,
} from './identity.ts';
import { moveIdleWatches } from './idle-watches.ts';
import { getPeer, takenNames } from './peers.ts';
import { endSession, openSession, releaseLeases, toSession } from './sessions.ts';
import { hasWantedName, rememberStart } from './wanted-names.ts';

const RANDOM_NAME_TRIES = 20;

function newName(r: Registration, taken: ReadonlySet<string>): string {
  const isTaken = (key: string) => taken.has(key);
  if (r.wanted_name !== undefined) return freeName(r.wanted_name, isTaken);
  let name = r.fallback_name();
  for (let i = 0; i < RANDOM_NAME_TRIES && isTaken(nameKey(name)); i += 1) name = r.fallback_name();
  return freeName(name, isTaken);
}

export async function registerSession(db: Db, r: Registration, now: number): Promise<Registered> {
  const reclaimed = await reclaim(db, r);
  const peer_id = reclaimed?.peer_id ?? r.new_peer_id;
  const place = { kind: r.kind, host: r.host, cwd: r.cwd, repo: r.repo, branch: r.branch, last_seen_at: now };
  let superseded: string | null = null;
  if (reclaimed) {
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
  if (r.wanted_name !== undefined && reclaimed?.by !== 'process')
    await rememberStart(db, nameKey(r.wanted_name), peer_id);
  await noteConversation(db, r, peer_id);
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

/** A conversation that led to another peer before goes on to do so when a name, and not the conversation, led here. */
async function noteConversation(db: Db, r: Registration, peer_id: string): Promise<void> {
  if (!r.conversation) return;
  const known = await conversationPeer(db, r.conversation, r.credential_hash);
  if (known === undefined || r.wanted_name === undefined)
    await rememberConversation(db, r.conversation, r.credential_hash, peer_id);
}

export async function bindConversation(
  db: Db,
  { session_id, conversation, credential_hash, is_live }: Binding,
  now: number,
): Promise<Bound> {
  const session = await db.selectFrom('sessions').selectAll().where('id', '=', session_id).executeTakeFirstOrThrow();
  const fresh = session.peer_id;
  const from = await db.selectFrom('peers').selectAll().where('id', '=', fresh).executeTakeFirstOrThrow();
  if (from.credential_hash !== credential_hash || from.kind !== conversation.client)
    return { peer: await getPeer(db, fresh), allowed: false, adopted: false, superseded: null };

  await db
    .updateTable('sessions')
    .set({ conversation: conversationKey(conversation) })
    .where('id', '=', session_id)
    .execute();
  const earlier = await conversationPeer(db, conversation, credential_hash);
  const claim = { process: session.process, earlier_peer_id: undefined, conversation, is_live };
  if (earlier === undefined || earlier === fresh || !(await isFree(db, earlier, claim))) {
    await rememberConversation(db, conversation, credential_hash, fresh);
    return { peer: await getPeer(db, fresh), allowed: true, adopted: false, superseded: null };
  }
  const other = await openSession(db, earlier);
  if (other) await endSession(db, other.id, 'superseded', [], now);
  // while the session is still its old peer's: that mailbox has the leases
  if ((await hasConversation(db, fresh)) || (await hasWantedName(db, fresh))) await releaseLeases(db, session_id);
  else await merge(db, fresh, earlier);
  await db.updateTable('sessions').set({ peer_id: earlier }).where('id', '=', session_id).execute();
  await db
    .updateTable('peers')
    .set({ kind: from.kind, host: from.host, cwd: from.cwd, repo: from.repo, branch: from.branch, last_seen_at: now })
    .where('id', '=', earlier)
    .execute();
  return { peer: await getPeer(db, earlier), allowed: true, adopted: true, superseded: other?.id ?? null };
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
