/** Counting what there is, and deleting what was kept long enough. */
import { sql } from 'kysely';
import type { Counts, RetentionCuts } from '../store.ts';
import { type Db, WAITING } from './common.ts';
import { selectOrphans } from './orphans.ts';

/** Rows touched by one statement: a sweep must not hold up a message for long. */
const SWEEP_ROWS = 2_000;

export async function counts(db: Db, now: number): Promise<Counts> {
  const count = async (query: { executeTakeFirstOrThrow(): Promise<{ n: number | string | bigint }> }) =>
    Number((await query.executeTakeFirstOrThrow()).n);
  const orphaned = await count(selectOrphans(db, now).select(({ fn }) => fn.countAll<number>().as('n')));
  const given_up = await count(
    db
      .selectFrom('entries')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where('state', '=', 'orphaned'),
  );
  const unconfirmed = await count(
    db
      .selectFrom('entries')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .where(WAITING),
  );
  return {
    peers: await count(
      db
        .selectFrom('peers')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .where('merged_into', 'is', null)
        .where('kind', '!=', 'human'),
    ),
    sessions: await count(
      db
        .selectFrom('sessions')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .where('ended_at', 'is', null)
        .where('detached_at', 'is', null),
    ),
    // each entry is counted once: orphans that are still deliverable are not waiting
    waiting: unconfirmed - (orphaned - given_up),
    confirmed: await count(
      db
        .selectFrom('entries')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .where('state', '=', 'confirmed'),
    ),
    orphaned,
  };
}

export async function applyRetention(db: Db, cuts: RetentionCuts): Promise<number> {
  const given_up = await sql`
    update entries set state = 'orphaned', lease_session = null, lease_until = null, lease_request = null
    where state in ('queued', 'leased')
      and queued_at < ${cuts.undelivered_before}
      and recipient_id in (
        select id from peers where kind != 'human' and last_seen_at < ${cuts.absent_before} and not exists (
          select 1 from sessions where sessions.peer_id = peers.id and ended_at is null and detached_at is null))`.execute(
    db,
  );
  const expired = await sql`
    delete from entries where (recipient_id, message_seq) in (
      select recipient_id, message_seq from entries
      where (state = 'confirmed' and confirmed_at < ${cuts.confirmed_before})
         or (state = 'orphaned' and queued_at < ${cuts.orphaned_before})
      limit ${SWEEP_ROWS})`.execute(db);
  const messages = await sql`
    delete from messages where seq in (
      select m.seq from messages m where m.created_at < ${cuts.confirmed_before}
        and not exists (select 1 from entries e where e.message_seq = m.seq) limit ${SWEEP_ROWS})`.execute(db);
  const sessions = await sql`delete from sessions where ended_at < ${cuts.sessions_before}`.execute(db);
  const peers = await sql`
    delete from peers where last_seen_at < ${cuts.peers_before} and kind != 'human'
      and not exists (select 1 from sessions where sessions.peer_id = peers.id and sessions.ended_at is null)
      and not exists (select 1 from entries where entries.recipient_id = peers.id)
      and not exists (select 1 from messages where messages.sender_id = peers.id)
      and not exists (select 1 from peers other where other.merged_into = peers.id)`.execute(db);
  return [given_up, expired, messages, sessions, peers].reduce(
    (sum, { numAffectedRows }) => sum + Number(numAffectedRows ?? 0n),
    0,
  );
}
