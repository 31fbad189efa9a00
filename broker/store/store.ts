/**
 * What the broker keeps, in the product's words. Every call is one transaction. What was sent, moved or registered is on
 * disk when the call answers; what would only happen again after a power loss (leases, confirmations, presence) need not be.
 */
import type {
  Activity,
  Confirmation,
  Conversation,
  Evidence,
  InboxMessage,
  Intent,
  Orphan,
  Peer,
  PeerShort,
  PeerStatus,
  Priority,
  PushRoute,
  RecentMessage,
} from '../../shared/contract/types.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import type { Entry, Recipient } from '../core/mailbox.ts';

/** A peer with what the rules need beside what others see. */
export interface PeerRecord extends Peer {
  readonly last_seen_at: number;
}

export interface SessionRecord {
  readonly id: string;
  readonly peer_id: string;
  readonly process: string;
  readonly ended: boolean;
  readonly end_reason: string | null;
}

export interface Registration {
  readonly session_id: string;
  readonly token_hash: string;
  /** Used if the peer is new. */
  readonly new_peer_id: string;
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

/** Whether the process of a session that has not ended still runs. */
export type IsLive = (session: { id: string; pid: number }) => boolean;

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
  readonly superseded: string | null;
}

export interface Registered {
  readonly peer: PeerRecord;
  readonly session: SessionRecord;
  readonly resumed: boolean;
  /** The session of the same peer that had to give way. */
  readonly superseded: string | null;
}

export interface Outgoing {
  readonly id: string;
  readonly sender_id: string;
  readonly to: string;
  readonly text: PeerText;
  readonly reply_to: string | undefined;
  readonly intent: Intent;
  readonly priority: Priority;
  readonly idempotency_key: string | undefined;
}

export interface EntryRecord {
  readonly message_id: string;
  readonly to: PeerShort;
  readonly recipient: Recipient;
  readonly entry: Entry & {
    readonly queued_at: number;
    readonly leased_at: number | null;
    readonly confirmed_at: number | null;
    readonly confirmed_by: Evidence | null;
  };
}

/** A session's request for mail. */
export interface MailRequest {
  /** Larger than that of the session's request before. */
  readonly number: number;
  /** The number of its last request whose messages arrived. */
  readonly received: number;
}

/** A session that holds a request for mail at this moment, and the number of that. */
export interface WaitingSession {
  readonly session: SessionRecord;
  readonly request: number;
}

/** Leased in the commit that stored it to a session that waited for mail: who that was, and what it gets. */
export interface Handed {
  readonly to: WaitingSession;
  readonly message: InboxMessage;
}

export type Sent =
  | {
      readonly ok: true;
      readonly record: EntryRecord;
      /** False for a repeated idempotency key: the first send's message stands. */
      readonly fresh: boolean;
      /** The message that this one answers, if that was still waiting: naming it confirmed it. */
      readonly named: string | null;
      readonly handed: Handed | null;
    }
  | { readonly ok: false; readonly reason: 'no-such-peer'; readonly names: readonly string[] }
  | { readonly ok: false; readonly reason: 'no-such-reply-to' | 'to-self' | 'mailbox-full' | 'key-reused' };

export interface PeerChanges {
  readonly summary?: PeerText;
  readonly summary_source?: 'agent' | 'auto';
  readonly tags?: readonly string[];
  readonly status?: PeerStatus;
  readonly status_message?: PeerText;
}

export interface Counts {
  readonly peers: number;
  readonly sessions: number;
  readonly waiting: number;
  readonly confirmed: number;
  readonly orphaned: number;
}

export interface DatabaseFacts {
  /** Its size on disk. */
  readonly bytes: number;
  /** Number of the newest migration. */
  readonly schema: number;
  /** Kept prepared: bounded, whatever was asked. */
  readonly statements: number;
}

export interface RetentionCuts {
  readonly undelivered_before: number;
  /** Peers that were here since then may be coming back this moment: their mail is not given up. */
  readonly absent_before: number;
  readonly confirmed_before: number;
  readonly orphaned_before: number;
  readonly peers_before: number;
  readonly sessions_before: number;
}

/** The watcher is owed one message when the peer falls idle or leaves. */
export interface IdleWatchRecord {
  readonly peer_id: string;
  readonly watcher_id: string;
  readonly created_at: number;
}

export interface Store {
  /**
   * Finds or makes the peer of a registering session and attaches the session to it.
   * @throws PeersError `session_superseded` for a process that comes back after a newer one opened its conversation
   */
  registerSession(registration: Registration, now: number): Promise<Registered>;
  /** The session becomes the peer of that conversation; a peer made for the session only is merged into it. */
  bindConversation(binding: Binding, now: number): Promise<Bound>;
  findSession(token_hash: string): Promise<SessionRecord | undefined>;
  updateSession(
    session_id: string,
    changes: { push_route?: PushRoute; activity?: Activity; branch?: PeerText },
  ): Promise<void>;
  /** A connection holds the session again, or none does any more. */
  markAttached(session_id: string, now: number): Promise<void>;
  /** @returns the peer it served, if it was attached until now */
  markDetached(session_id: string, now: number): Promise<string | undefined>;
  /** Ends it for good; its leases return to the mailbox, those in `unseen` as never shown. */
  endSession(session_id: string, reason: string, unseen: readonly string[], now: number): Promise<void>;
  /** Called at start: whoever was attached to the broker before this one has to attach again. */
  detachAll(now: number): Promise<void>;
  /** Ends sessions that stayed detached. @returns their ids */
  endDetachedBefore(cut: number, now: number): Promise<string[]>;

  /** The human's own peer, made at the first start. */
  operatorPeer(id_if_new: string, host: PeerText, now: number): Promise<PeerRecord>;
  /** By id or by name; follows merged peers. */
  findPeer(ref: string): Promise<PeerRecord | undefined>;
  listPeers(options: { include_offline: boolean; kind?: Peer['kind'] }): Promise<PeerRecord[]>;
  peerNames(): Promise<string[]>;
  updatePeer(peer_id: string, changes: PeerChanges): Promise<PeerRecord>;
  /** @returns undefined where another peer has the name */
  renamePeer(peer_id: string, name: string): Promise<PeerRecord | undefined>;

  /** Asks that the watcher be told when the peer falls idle; asking twice is asking once. */
  watchIdle(peer_id: string, watcher_id: string, now: number): Promise<void>;
  /** Those who asked about this peer and have not been told. */
  idleWatches(peer_id: string): Promise<IdleWatchRecord[]>;
  /** They have been told, for this time of asking. */
  endIdleWatch(watch: IdleWatchRecord): Promise<void>;

  /**
   * Puts messages into mailboxes: one commit for all of them, each with a result of its own.
   * @param waiting who holds a request for this peer's mail at this moment: what it may have is leased to it
   */
  sendMessages(
    outgoing: readonly Outgoing[],
    now: number,
    waiting?: (peer_id: string) => WaitingSession | undefined,
  ): Promise<Sent[]>;
  /** The sender's or recipient's view of a message. */
  findMessage(message_id: string): Promise<{ message: InboxMessage; entries: EntryRecord[] } | undefined>;

  /**
   * Leases to the session what its peer has waiting: critical first, then one of each sender in turn. What was leased
   * for a request after the last that was received got lost on its way, and is handed out again.
   */
  leaseNext(session: SessionRecord, request: MailRequest, now: number): Promise<InboxMessage[]>;
  /** The earliest-sent messages of a mailbox, without leasing them. */
  peekMailbox(peer_id: string, limit: number): Promise<InboxMessage[]>;
  renewLeases(session_ids: readonly string[], now: number): Promise<void>;
  /** @returns the ids newly confirmed. Only entries of this peer; others are passed over. */
  confirm(peer_id: string, confirmations: readonly Confirmation[], now: number): Promise<string[]>;
  notePush(
    session_id: string,
    message_ids: readonly string[],
    route: PushRoute,
    error: PeerText | undefined,
    now: number,
  ): Promise<string[]>;
  unread(peer_id: string): Promise<number>;

  /** Unconfirmed mail of peers that nobody serves any more, oldest first. */
  listOrphans(now: number, undelivered_ms: number, limit: number): Promise<{ orphans: Orphan[]; total: number }>;
  /** Moves unconfirmed entries to another mailbox. @returns the ids of the messages moved */
  requeue(what: { message_id: string } | { peer_id: string }, to_peer_id: string, now: number): Promise<string[]>;

  /** The newest messages, or those with a larger number than one that is known; oldest first. */
  recentMessages(after_seq: number | undefined, limit: number): Promise<RecentMessage[]>;
  /** Whose session serves it now, or served it last. */
  peerOfConversation(conversation: Conversation): Promise<PeerRecord | undefined>;

  counts(now: number): Promise<Counts>;
  facts(): Promise<DatabaseFacts>;
  /** Deletes what has been kept long enough. @returns how many rows went or changed */
  applyRetention(cuts: RetentionCuts): Promise<number>;
  close(): Promise<void>;
}
