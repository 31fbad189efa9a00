/** The tables, as the queries see them. Times are ms since 1970; lists are JSON text; flags are 0 or 1. */
import type { Generated, Selectable } from 'kysely';
import type { Activity, Intent, PeerKind, PeerStatus, PushRoute } from '../../shared/contract/common.ts';
import type { Evidence } from '../../shared/contract/messages.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import type { EntryState } from '../core/mailbox.ts';

export interface PeersTable {
  id: string;
  name: string;
  /** The name in lower case; unique. */
  name_key: string;
  kind: PeerKind;
  host: PeerText;
  cwd: PeerText;
  repo: PeerText;
  branch: PeerText;
  summary: PeerText;
  summary_source: 'agent' | 'auto' | 'none';
  tags: string;
  status: PeerStatus;
  status_message: PeerText;
  credential_hash: string;
  /** This peer turned out to be another one: its mail goes there. */
  merged_into: string | null;
  created_at: number;
  /** A session was attached until then; while one is, when it attached. */
  last_seen_at: number;
}

/** Which peer a client's own conversation belongs to, for those who show this credential. */
export interface ClientConversationsTable {
  client: string;
  conversation: string;
  credential_hash: string;
  peer_id: string;
}

/**
 * The values of `PEER_NAME` that lead to a peer: those it was started with, and the name it has by a rename. A number
 * that a name got because it was taken is in none of them.
 */
export interface WantedNamesTable {
  /** In lower case. */
  name_key: string;
  peer_id: string;
  /** 1: only as long as the peer has this name. */
  by_rename: number;
}

export interface SessionsTable {
  id: string;
  peer_id: string;
  token_hash: string;
  /** Random, one per process. */
  process: string;
  pid: number;
  push_route: PushRoute;
  activity: Activity;
  client_name: string;
  client_version: string;
  conversation: string | null;
  started_at: number;
  /** Since then nothing holds a connection; null while attached. */
  detached_at: number | null;
  ended_at: number | null;
  end_reason: string | null;
}

/** A text, once, however many mailboxes it went to. */
export interface MessagesTable {
  seq: Generated<number>;
  id: string;
  sender_id: string;
  /** The thread: the id of the message that began it. */
  conversation_id: string;
  reply_to: string | null;
  intent: Intent;
  /** -1 info, 0 normal, 1 warning, 2 critical */
  priority: number;
  text: PeerText;
  created_at: number;
  idempotency_key: string | null;
}

/** An entry of a mailbox: one message for one recipient. */
export interface EntriesTable {
  recipient_id: string;
  message_seq: number;
  state: EntryState;
  /** When it came into this mailbox: sent, or requeued. */
  queued_at: number;
  /** Where it was first put, if it was moved since. */
  first_recipient_id: string | null;
  lease_session: string | null;
  lease_until: number | null;
  /** The number of the session's request that it was leased for. */
  lease_request: number | null;
  leased_at: number | null;
  /** The process that last held it and may have shown it. */
  shown_by: string | null;
  /** When the session that holds it now pushed it. */
  pushed_at: number | null;
  push_route: PushRoute | null;
  push_error: PeerText | null;
  confirmed_at: number | null;
  confirmed_by: Evidence | null;
}

/** One message is owed to the watcher when the peer falls idle or leaves. */
export interface IdleWatchesTable {
  peer_id: string;
  watcher_id: string;
  created_at: number;
}

export interface MigrationsTable {
  id: number;
  name: string;
  applied_at: number;
}

export interface Database {
  peers: PeersTable;
  client_conversations: ClientConversationsTable;
  wanted_names: WantedNamesTable;
  sessions: SessionsTable;
  messages: MessagesTable;
  entries: EntriesTable;
  idle_watches: IdleWatchesTable;
  migrations: MigrationsTable;
}

export type SessionRow = Selectable<SessionsTable>;
