/**
 * Which peer a session is. Everything is found by the credential that the session shows. A peer whose session lives is
 * not taken from it, unless that session serves the same conversation: there the newer process wins.
 */
import type { Conversation } from '../../shared/contract/types.ts';
import { nameKey } from '../core/names.ts';
import { superseded } from '../core/superseded.ts';
import { Peers } from './peers.ts';
import type { Registration } from './registering.ts';
import { Sessions } from './sessions.ts';
import type { UnitOfWork } from './unit.ts';
import { peersWanted } from './wanted-names.ts';

export function conversationKey(conversation: Conversation): string {
  return `${conversation.client}:${conversation.id}`;
}

/** By what a process may have a peer that another one serves. */
type Claim = Pick<Registration, 'process' | 'earlier_peer_id' | 'conversation' | 'is_live'>;

interface Reclaimed {
  readonly peer_id: string;
  readonly by: 'process' | 'name' | 'conversation';
}

/**
 * The peer this registration may be again, if any: without a name, that of its conversation; else the one that the same
 * process served before; else one of its name.
 */
export async function reclaim(u: UnitOfWork, r: Registration): Promise<Reclaimed | undefined> {
  const resumed = r.conversation && (await conversationPeer(u, r.conversation, r.credential_hash));
  if (r.wanted_name === undefined && resumed !== undefined && (await isFree(u, resumed, r)))
    return { peer_id: resumed, by: 'conversation' };
  const same = await peerOfProcess(u, r);
  if (same !== undefined) return { peer_id: same, by: 'process' };
  const named = r.wanted_name === undefined ? undefined : await peerOfName(u, r, nameKey(r.wanted_name), resumed);
  return named === undefined ? undefined : { peer_id: named, by: 'name' };
}

/** The peer that the process says it served, or the one it serves without knowing: it lost the answer when it registered. */
async function peerOfProcess(u: UnitOfWork, r: Registration): Promise<string | undefined> {
  const open = await u.db
    .selectFrom('sessions')
    .select('peer_id')
    .where('process', '=', r.process)
    .where('ended_at', 'is', null)
    .orderBy('started_at', 'desc')
    .executeTakeFirst();
  for (const known of [r.earlier_peer_id, open?.peer_id]) {
    if (known === undefined) continue;
    const id = await new Peers(u).currentId(known);
    const own = await u.db
      .selectFrom('peers')
      .select('id')
      .where('id', '=', id)
      .where('credential_hash', '=', r.credential_hash)
      .executeTakeFirst();
    if (own && (await isFree(u, id, r))) return id;
  }
  return undefined;
}

/** Among those of one name the conversation decides, so that each of several sessions finds its own mailbox. */
async function peerOfName(
  u: UnitOfWork,
  r: Registration,
  key: string,
  resumed: string | undefined,
): Promise<string | undefined> {
  const wanted = await peersWanted(u, key, r.credential_hash);
  const first = wanted.filter((id) => id === resumed);
  for (const id of [...first, ...wanted]) if (await isFree(u, id, r)) return id;
  return undefined;
}

/**
 * Whether this process may have the peer: nobody serves it, or a process that is dead, or this very process, or another
 * one that serves the same conversation. There the newer process wins.
 * @throws PeersError `session_superseded` where this is the older one: it served a peer before, and comes back
 */
export async function isFree(u: UnitOfWork, peer_id: string, claim: Claim): Promise<boolean> {
  const open = await new Sessions(u).openOf(peer_id);
  if (!open || open.process === claim.process || !claim.is_live(open)) return true;
  if (!claim.conversation || open.conversation !== conversationKey(claim.conversation)) return false;
  if (claim.earlier_peer_id !== undefined) throw superseded();
  return true;
}

/** Whose conversation it is for those who show this credential; follows merged peers. */
export async function conversationPeer(
  u: UnitOfWork,
  { client, id }: Conversation,
  credential_hash: string,
): Promise<string | undefined> {
  const row = await u.db
    .selectFrom('client_conversations')
    .select('peer_id')
    .where('client', '=', client)
    .where('conversation', '=', id)
    .where('credential_hash', '=', credential_hash)
    .executeTakeFirst();
  return row && new Peers(u).currentId(row.peer_id);
}

/** From now on the conversation leads to this peer. */
export async function rememberConversation(
  { db }: UnitOfWork,
  { client, id }: Conversation,
  credential_hash: string,
  peer_id: string,
): Promise<void> {
  await db
    .insertInto('client_conversations')
    .values({ client, conversation: id, credential_hash, peer_id })
    .onConflict((conflict) => conflict.columns(['client', 'conversation', 'credential_hash']).doUpdateSet({ peer_id }))
    .execute();
}

/** Whether a conversation of its own will bring this peer back. */
export async function hasConversation({ db }: UnitOfWork, peer_id: string): Promise<boolean> {
  const row = await db
    .selectFrom('client_conversations')
    .select('peer_id')
    .where('peer_id', '=', peer_id)
    .executeTakeFirst();
  return row !== undefined;
}
