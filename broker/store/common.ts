/** What several of the store's queries share. */
import { type ExpressionBuilder, sql } from 'kysely';
import type { Peer, PeerShort, Priority } from '../../shared/contract/types.ts';
import type { Recipient } from '../core/mailbox.ts';
import { anyOf } from './lists.ts';
import { prepared } from './prepared.ts';
import type { Database } from './schema.ts';
import type { Db } from './unit.ts';

/** A peer with what the rules need beside what others see. */
export interface PeerRecord extends Peer {
  readonly person_id: string;
  readonly last_seen_at: number;
}

export function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Written out, not bound: SQLite uses a partial index only for a condition that it can see. */
export const WAITING = sql<boolean>`entries.state in ('queued', 'leased')`;

/** To be set when an entry moves to another mailbox: where it was first put stays known. */
export const FIRST_RECIPIENT = sql<string>`coalesce(first_recipient_id, recipient_id)`;

/** What an entry says of its lease when it has none. */
export const UNLEASED = { lease_session: null, lease_until: null, lease_request: null } as const;

/** What it says when a lease ended without a confirmation: what the session did with it proved nothing. */
export const RELEASED = { state: 'queued', ...UNLEASED, pushed_at: null, push_route: null, push_error: null } as const;

/** By way of its peer's mailbox, where it has an index: leases have none of their own, which each of them would pay for. */
export function isLeasedBy(db: Db, session_ids: readonly string[]) {
  return (eb: ExpressionBuilder<Database, 'entries'>) =>
    eb.and([
      eb(
        'entries.recipient_id',
        'in',
        db.selectFrom('sessions').select('peer_id').where('id', 'in', anyOf(db, session_ids)),
      ),
      eb('entries.lease_session', 'in', anyOf(db, session_ids)),
      WAITING,
    ]);
}

const RANKS = { info: -1, normal: 0, warning: 1, critical: 2 } as const satisfies Record<Priority, number>;
export const CRITICAL = RANKS.critical;

export function rankOf(priority: Priority): number {
  return RANKS[priority];
}

export function priorityOf(rank: number): Priority {
  if (rank >= RANKS.critical) return 'critical';
  if (rank === RANKS.warning) return 'warning';
  return rank < 0 ? 'info' : 'normal';
}

export function iso(at: number): string;
export function iso(at: number | null): string | null;
export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** Peers with the open session of each, if there is one; without how much waits for them, which costs a count. */
export function selectRecipients(db: Db) {
  return db
    .selectFrom('peers')
    .leftJoin('sessions', (join) => join.onRef('sessions.peer_id', '=', 'peers.id').on('sessions.ended_at', 'is', null))
    .select([
      'peers.id',
      'peers.person_id',
      'peers.name',
      'peers.kind',
      'peers.status',
      'peers.status_message',
      'peers.last_seen_at',
      'sessions.id as session_id',
      'sessions.detached_at',
      'sessions.push_route',
    ]);
}

type SelectedRecipient = Awaited<ReturnType<ReturnType<typeof selectRecipients>['execute']>>[number];

export interface RecipientRecord {
  readonly short: PeerShort;
  readonly recipient: Recipient;
  /** Its open session, attached or not. */
  readonly session_id: string | null;
}

/** A session serves it now. */
function isAttached({ session_id, detached_at }: Pick<SelectedRecipient, 'session_id' | 'detached_at'>): boolean {
  return session_id !== null && detached_at === null;
}

export function toRecipientRecord(row: SelectedRecipient): RecipientRecord {
  const { id, name, kind, status, status_message, last_seen_at } = row;
  return {
    short: { id, name, kind },
    session_id: row.session_id,
    recipient: {
      name,
      kind,
      online: isAttached(row),
      status,
      status_message,
      push_route: isAttached(row) ? (row.push_route ?? 'none') : 'none',
      last_seen_at,
    },
  };
}

/** Peers as others see them. */
export function selectPeers(db: Db) {
  return selectRecipients(db)
    .select([
      'peers.host',
      'peers.cwd',
      'peers.repo',
      'peers.branch',
      'peers.summary',
      'peers.tags',
      'sessions.activity',
    ])
    .select((eb) =>
      eb
        .selectFrom('entries')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .whereRef('entries.recipient_id', '=', 'peers.id')
        .where(WAITING)
        .as('unread'),
    );
}

type SelectedPeer = Awaited<ReturnType<ReturnType<typeof selectPeers>['execute']>>[number];

export function toPeerRecord(row: SelectedPeer): PeerRecord {
  return {
    id: row.id,
    person_id: row.person_id,
    name: row.name,
    kind: row.kind,
    host: row.host,
    cwd: row.cwd,
    repo: row.repo,
    branch: row.branch,
    summary: row.summary,
    tags: JSON.parse(row.tags) as string[],
    status: row.status,
    status_message: row.status_message,
    online: isAttached(row),
    activity: isAttached(row) ? (row.activity ?? 'unknown') : 'unknown',
    push_route: isAttached(row) ? (row.push_route ?? 'none') : 'none',
    last_seen: iso(row.last_seen_at),
    unread: Number(row.unread ?? 0),
    last_seen_at: row.last_seen_at,
  };
}

const countWaiting = prepared((db, { peer_id }: { peer_id: string }) =>
  db
    .selectFrom('entries')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('recipient_id', '=', peer_id)
    .where(WAITING),
);

/** Messages that wait for the peer. */
export async function unread(db: Db, peer_id: string): Promise<number> {
  const [row] = await countWaiting(db, { peer_id });
  return Number(row?.n ?? 0);
}
