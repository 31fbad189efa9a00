/** Forgetting what was kept long enough, and counting what there is. */
import { type RawBuilder, sql } from 'kysely';
import { WAITING } from './common.ts';
import { Events } from './events.ts';
import { Orphans } from './orphans.ts';
import { Tallies } from './tallies.ts';
import type { UnitOfWork } from './unit.ts';

/** Rows touched by one statement: a sweep must not hold up a message for long. */
const SWEEP_ROWS = 2_000;

export interface Counts {
  readonly peers: number;
  readonly sessions: number;
  readonly waiting: number;
  readonly confirmed: number;
  readonly orphaned: number;
}

/** What is older than these is forgotten, or given up. ms since 1970. */
export interface RetentionCuts {
  readonly undelivered_before: number;
  /** Peers that were here since then may be coming back this moment: their mail is not given up. */
  readonly absent_before: number;
  readonly confirmed_before: number;
  readonly orphaned_before: number;
  readonly peers_before: number;
  readonly sessions_before: number;
  readonly events_before: number;
}

export class Retention {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Takes as long as there is mail that waits, however much was confirmed. */
  async counts(): Promise<Counts> {
    const count = async (rows: RawBuilder<{ n: number }>) => Number((await rows.execute(this.#u.db)).rows[0]?.n ?? 0);
    const orphaned = await new Orphans(this.#u).count();
    const givenUp = await count(sql`select count(*) as n from entries where state = 'orphaned'`);
    const unconfirmed = await count(sql`select count(*) as n from entries where ${WAITING}`);
    return {
      peers: await count(sql`select count(*) as n from peers where merged_into is null and kind != 'human'`),
      sessions: await count(sql`select count(*) as n from sessions where ended_at is null and detached_at is null`),
      // each entry is counted once: orphans that are still deliverable are not waiting
      waiting: unconfirmed - (orphaned - givenUp),
      confirmed: await new Tallies(this.#u).confirmed(),
      orphaned,
    };
  }

  /** @returns how many rows went or changed */
  async apply(cuts: RetentionCuts): Promise<number> {
    const { db } = this.#u;
    const run = async (statement: RawBuilder<unknown>) => Number((await statement.execute(db)).numAffectedRows ?? 0n);
    const expired = await this.#giveUp(cuts);
    const confirmed = await run(sql`
      delete from entries where (recipient_id, message_seq) in (
        select recipient_id, message_seq from entries
        where state = 'confirmed' and confirmed_at < ${cuts.confirmed_before} limit ${SWEEP_ROWS})`);
    await new Tallies(this.#u).addConfirmed(-confirmed);
    const rest = [
      sql`delete from entries where (recipient_id, message_seq) in (
        select recipient_id, message_seq from entries
        where state = 'orphaned' and queued_at < ${cuts.orphaned_before} limit ${SWEEP_ROWS})`,
      sql`delete from messages where seq in (
        select m.seq from messages m where m.created_at < ${cuts.confirmed_before}
          and not exists (select 1 from entries e where e.message_seq = m.seq) limit ${SWEEP_ROWS})`,
      sql`delete from sessions where ended_at < ${cuts.sessions_before}`,
      sql`delete from peers where last_seen_at < ${cuts.peers_before} and kind != 'human'
        and not exists (select 1 from sessions where sessions.peer_id = peers.id and sessions.ended_at is null)
        and not exists (select 1 from entries where entries.recipient_id = peers.id)
        and not exists (select 1 from messages where messages.sender_id = peers.id)
        and not exists (select 1 from peers other where other.merged_into = peers.id)`,
    ];
    let rows = expired + confirmed + (await new Events(this.#u).forget(cuts.events_before, SWEEP_ROWS));
    for (const statement of rest) rows += await run(statement);
    return rows;
  }

  /** Mail that waited its time for a peer that is not there is delivered no more. */
  async #giveUp({ undelivered_before, absent_before }: RetentionCuts): Promise<number> {
    const { rows } = await sql<{ recipient_id: string; message_id: string; sender_id: string }>`
      update entries set state = 'orphaned', lease_session = null, lease_until = null
      where ${WAITING} and queued_at < ${undelivered_before}
        and recipient_id in (
          select id from peers where kind != 'human' and last_seen_at < ${absent_before} and not exists (
            select 1 from sessions where sessions.peer_id = peers.id and ended_at is null and detached_at is null))
      returning recipient_id,
        (select id from messages where seq = message_seq) as message_id,
        (select sender_id from messages where seq = message_seq) as sender_id`.execute(this.#u.db);
    for (const { recipient_id, message_id, sender_id } of rows) {
      new Events(this.#u).tell({ kind: 'message.expired', peer_id: recipient_id, other_id: sender_id, message_id });
    }
    return rows.length;
  }
}
