/** How a session comes to its peer: it registers, and later learns which conversation it serves. */
import { sql } from 'kysely';
import type { Conversation, Peer, PushRoute } from '../../shared/contract/types.ts';
import { type PeerText, peerText } from '../../shared/peer-text.ts';
import { freeName, nameKey, OPERATOR_NAME } from '../core/names.ts';
import { FIRST_RECIPIENT, type PeerRecord } from './common.ts';
import { Events } from './events.ts';
import {
  conversationKey,
  conversationPeer,
  hasConversation,
  isFree,
  reclaim,
  rememberConversation,
} from './identity.ts';
import { IdleWatches } from './idle-watches.ts';
import { Mailbox } from './mailbox.ts';
import { Peers } from './peers.ts';
import { type SessionRecord, Sessions, toSession } from './sessions.ts';
import { Tallies } from './tallies.ts';
import type { UnitOfWork } from './unit.ts';
import { hasWantedName, rememberStart } from './wanted-names.ts';

/** Whether the process of a session that has not ended still runs. */
export type IsLive = (session: { id: string; host: PeerText; pid: number; detached_at: number | null }) => boolean;

export interface Registration {
  readonly session_id: string;
  readonly token_hash: string;
  /** Used if the peer is new. */
  readonly new_peer_id: string;
  /** Whose agent it is. */
  readonly person_id: string;
  /** Only peers with this one can be the session's, and a new peer gets it. */
  readonly credential_hash: string;
  readonly kind: Peer['kind'];
  readonly wanted_name: string | undefined;
  readonly fallback_name: () => string;
  /** The peer that the same process served before. */
  readonly earlier_peer_id: string | undefined;
  readonly conversation: Conversation | undefined;
  readonly process: string;
  readonly pid: number;
  readonly host: PeerText;
  readonly cwd: PeerText;
  readonly repo: PeerText;
  readonly branch: PeerText;
  readonly client: { readonly name: string; readonly version: string };
  readonly push_route: PushRoute;
  readonly is_live: IsLive;
}

export interface Registered {
  readonly peer: PeerRecord;
  readonly session: SessionRecord;
  /** The number of the session's attachment to this broker. */
  readonly attachment: number;
  readonly resumed: boolean;
  /** The session of the same peer that had to give way. */
  readonly superseded: string | null;
}

export interface Binding {
  readonly session_id: string;
  readonly conversation: Conversation;
  readonly credential_hash: string | undefined;
  readonly is_live: IsLive;
}

export interface Bound {
  readonly peer: PeerRecord;
  /** False where the credential is not the one of the session's peer, or the conversation is of another kind of client. */
  readonly allowed: boolean;
  /** The session is another peer than before. */
  readonly adopted: boolean;
}

/** How far an entry has come. */
function progress(entry: string) {
  return sql`case ${sql.ref(`${entry}.state`)} when 'confirmed' then 3 when 'leased' then 2 when 'queued' then 1 else 0 end`;
}

const RANDOM_NAME_TRIES = 20;

function newName(r: Registration, taken: ReadonlySet<string>): string {
  // no agent may pass for the human
  const isTaken = (key: string) => key === OPERATOR_NAME || taken.has(key);
  if (r.wanted_name !== undefined) return freeName(r.wanted_name, isTaken);
  let name = r.fallback_name();
  for (let i = 0; i < RANDOM_NAME_TRIES && isTaken(nameKey(name)); i += 1) name = r.fallback_name();
  return freeName(name, isTaken);
}

export class Registering {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Finds or makes the peer of a registering session and attaches the session to it. */
  async register(r: Registration): Promise<Registered> {
    const u = this.#u;
    const peers = new Peers(u);
    const reclaimed = await reclaim(u, r);
    const peer_id = reclaimed?.peer_id ?? r.new_peer_id;
    const superseded = reclaimed ? await this.#comeBack(r, peer_id) : await this.#makePeer(r, peer_id);
    if (r.wanted_name !== undefined && reclaimed?.by !== 'process')
      await rememberStart(u, nameKey(r.wanted_name), peer_id);
    await this.#noteConversation(r, peer_id);
    const session = {
      id: r.session_id,
      peer_id,
      token_hash: r.token_hash,
      process: r.process,
      host: r.host,
      pid: r.pid,
      push_route: r.push_route,
      activity: 'unknown',
      client_name: r.client.name,
      client_version: r.client.version,
      conversation: r.conversation ? conversationKey(r.conversation) : null,
      started_at: u.now,
      instance_id: u.instance_id,
      attachment: 1,
      detached_at: null,
      ended_at: null,
      end_reason: null,
    } as const;
    await u.db.insertInto('sessions').values(session).execute();
    new Events(u).tell({ kind: 'peer.online', peer_id });
    return {
      peer: await peers.get(peer_id),
      session: toSession(session),
      attachment: session.attachment,
      resumed: reclaimed !== undefined,
      superseded,
    };
  }

  /**
   * The session becomes the peer of that conversation; a peer made for the session only is merged into it.
   * @throws where there is no such session
   */
  async bind({ session_id, conversation, credential_hash, is_live }: Binding): Promise<Bound> {
    const u = this.#u;
    const peers = new Peers(u);
    const sessions = new Sessions(u);
    const session = await u.db
      .selectFrom('sessions')
      .selectAll()
      .where('id', '=', session_id)
      .executeTakeFirstOrThrow();
    const fresh = session.peer_id;
    const from = await u.db.selectFrom('peers').selectAll().where('id', '=', fresh).executeTakeFirstOrThrow();
    if (credential_hash === undefined || from.credential_hash !== credential_hash || from.kind !== conversation.client)
      return { peer: await peers.get(fresh), allowed: false, adopted: false };

    await u.db
      .updateTable('sessions')
      .set({ conversation: conversationKey(conversation) })
      .where('id', '=', session_id)
      .execute();
    const earlier = await conversationPeer(u, conversation, credential_hash);
    const claim = { process: session.process, earlier_peer_id: undefined, conversation, is_live };
    if (earlier === undefined || earlier === fresh || !(await isFree(u, earlier, claim))) {
      await rememberConversation(u, conversation, credential_hash, fresh);
      return { peer: await peers.get(fresh), allowed: true, adopted: false };
    }
    const other = await sessions.openOf(earlier);
    if (other) await sessions.end(other.id, 'superseded');
    // while the session is still its old peer's: that mailbox has the leases
    if ((await hasConversation(u, fresh)) || (await hasWantedName(u, fresh))) await new Mailbox(u).release(session_id);
    else await this.#merge(fresh, earlier);
    await u.db.updateTable('sessions').set({ peer_id: earlier }).where('id', '=', session_id).execute();
    const place = { kind: from.kind, host: from.host, cwd: from.cwd, repo: from.repo, branch: from.branch };
    await u.db
      .updateTable('peers')
      .set({ ...place, last_seen_at: u.now })
      .where('id', '=', earlier)
      .execute();
    u.effects.moved.set(session_id, earlier);
    u.effects.wakes.add(earlier);
    // a session that nothing holds serves nobody to see
    if (session.detached_at === null)
      new Events(u).tell({ kind: 'peer.offline', peer_id: fresh }, { kind: 'peer.online', peer_id: earlier });
    return { peer: await peers.get(earlier), allowed: true, adopted: true };
  }

  /** Whose session serves the conversation now, or served it last. */
  async peerOfConversation(conversation: Conversation): Promise<PeerRecord | undefined> {
    const { db } = this.#u;
    const live = await db
      .selectFrom('sessions')
      .select('peer_id')
      .where('conversation', '=', conversationKey(conversation))
      .where('ended_at', 'is', null)
      .orderBy('started_at', 'desc')
      .executeTakeFirst();
    const last = await db
      .selectFrom('client_conversations')
      .innerJoin('peers', 'peers.id', 'client_conversations.peer_id')
      .select('peers.id as peer_id')
      .where('client', '=', conversation.client)
      .where('conversation', '=', conversation.id)
      .orderBy('peers.last_seen_at', 'desc')
      .executeTakeFirst();
    const found = live ?? last;
    const peers = new Peers(this.#u);
    return found && peers.get(await peers.currentId(found.peer_id));
  }

  /** @returns the session that had to give way */
  async #comeBack(r: Registration, peer_id: string): Promise<string | null> {
    const sessions = new Sessions(this.#u);
    const open = await sessions.openOf(peer_id);
    if (open) await sessions.end(open.id, open.process === r.process ? 'registered again' : 'superseded');
    await this.#u.db.updateTable('peers').set(this.#place(r)).where('id', '=', peer_id).execute();
    return open?.id ?? null;
  }

  async #makePeer(r: Registration, peer_id: string): Promise<null> {
    const name = newName(r, await new Peers(this.#u).takenKeys());
    await this.#u.db
      .insertInto('peers')
      .values({
        ...this.#place(r),
        id: peer_id,
        person_id: r.person_id,
        name,
        name_key: nameKey(name),
        summary: peerText(''),
        summary_source: 'none',
        tags: '[]',
        status: 'active',
        status_message: peerText(''),
        credential_hash: r.credential_hash,
        merged_into: null,
        created_at: this.#u.now,
      })
      .execute();
    new Events(this.#u).tell({ kind: 'peer.registered', peer_id, state: name });
    return null;
  }

  #place(r: Registration) {
    const { kind, host, cwd, repo, branch } = r;
    return { kind, host, cwd, repo, branch, last_seen_at: this.#u.now };
  }

  /** A conversation that led to another peer before goes on to do so when a name, and not the conversation, led here. */
  async #noteConversation(r: Registration, peer_id: string): Promise<void> {
    if (!r.conversation) return;
    const known = await conversationPeer(this.#u, r.conversation, r.credential_hash);
    if (known === undefined || r.wanted_name === undefined)
      await rememberConversation(this.#u, r.conversation, r.credential_hash, peer_id);
  }

  /** Of a message that both mailboxes have the copy stays that is further along: what was read or handed out is not new. */
  async #dropDoubled(from: string, to: string): Promise<void> {
    const { db } = this.#u;
    const isFurther = sql<boolean>`${progress('a')} > ${progress('b')}`;
    const doubled = db
      .selectFrom('entries as a')
      .innerJoin('entries as b', 'b.message_seq', 'a.message_seq')
      .select('a.message_seq')
      .where('a.recipient_id', '=', from)
      .where('b.recipient_id', '=', to);
    const drop = (of: string, seqs: typeof doubled) =>
      db.deleteFrom('entries').where('recipient_id', '=', of).where('message_seq', 'in', seqs);
    await drop(to, doubled.where(isFurther)).execute();
    const dropped = await drop(from, doubled).returning('state').execute();
    await new Tallies(this.#u).addConfirmed(-dropped.filter(({ state }) => state === 'confirmed').length);
  }

  /** All that waits moves along, and what it sent; a message that both mailboxes have stays once. */
  async #merge(from: string, to: string): Promise<void> {
    const { db, engine } = this.#u;
    // whoever sends to the one that goes waits for this, and then finds the one that stays
    if (engine === 'postgres') await sql`select id from peers where id in (${from}, ${to}) for update`.execute(db);
    await db.updateTable('peers').set({ merged_into: to }).where('id', '=', from).execute();
    await this.#dropDoubled(from, to);
    await db
      .updateTable('entries')
      .set({ recipient_id: to, first_recipient_id: FIRST_RECIPIENT })
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
    await new IdleWatches(this.#u).move(from, to);
    new Events(this.#u).tell({ kind: 'peer.merged', peer_id: from, other_id: to });
  }
}
