/**
 * A unit of work: what one call changes, the messages it causes and the events it tells commit together, or none does.
 * Each capability's store object works within one.
 */
import type { Kysely, Transaction } from 'kysely';
import type { InboxMessage } from '../../shared/contract/types.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import type { NewEvent } from './events.ts';
import type { WaitingSession } from './mailbox.ts';
import type { Database } from './schema.ts';

export type Db = Kysely<Database> | Transaction<Database>;

export type EngineName = 'sqlite' | 'postgres';

/** Leased in the commit that stored it to a session that waited for mail: who that was, and what it gets. */
export interface Handed {
  readonly to: WaitingSession;
  readonly message: InboxMessage;
}

/** What others hear of once the unit is committed, and only then. */
export interface Effects {
  readonly events: NewEvent[];
  /** Peers with mail to look for. */
  readonly wakes: Set<string>;
  readonly handed: Handed[];
  /** Sessions that serve nobody any more. */
  readonly ended: Set<string>;
  /** Sessions that serve another peer now: which. */
  readonly moved: Map<string, string>;
  /** Why pushes failed, by {@link entryKey}: those who wait for news are told, and the log holds no text of anybody. */
  readonly pushErrors: Map<string, PeerText>;
}

export function entryKey(message_id: string, peer_id: string): string {
  return `${message_id} ${peer_id}`;
}

export function noEffects(): Effects {
  return { events: [], wakes: new Set(), handed: [], ended: new Set(), moved: new Map(), pushErrors: new Map() };
}

export interface UnitOfWork {
  readonly db: Db;
  readonly engine: EngineName;
  /** ms since 1970, the same for all that the unit does. */
  readonly now: number;
  /** The broker that does it. */
  readonly instance_id: string;
  readonly effects: Effects;
}
