/**
 * The event log, written in the transaction of what it tells. A reader goes on from a cursor, misses nothing and gets
 * nothing twice.
 *
 * On SQLite one transaction writes at a time, so `seq` is the order of commits. PostgreSQL gives numbers before the
 * commit: a transaction with a smaller number may commit later. So each event carries the id of its transaction, and a
 * reader takes only events of transactions older than the oldest that still runs, in the order of (xid, seq): no
 * transaction can add an event before what was read.
 */
import { type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import type { BrokerEvent, EventKind } from '../../shared/contract/events.ts';
import { iso } from './common.ts';
import { chunks } from './lists.ts';
import { prepared } from './prepared.ts';
import type { Database, EventsTable } from './schema.ts';
import type { Db, UnitOfWork } from './unit.ts';

export interface NewEvent {
  readonly kind: EventKind;
  readonly peer_id: string;
  readonly other_id?: string | null;
  readonly message_id?: string | null;
  readonly state?: string | null;
}

/** A place in the log: all events up to it have been read. */
export interface Cursor {
  readonly xid: number;
  readonly seq: number;
}

function isAfter(a: Cursor, b: Cursor): boolean {
  return a.xid > b.xid || (a.xid === b.xid && a.seq > b.seq);
}

export function formatCursor({ xid, seq }: Cursor): string {
  return `${xid}-${seq}`;
}

/** @returns undefined for what is no cursor */
export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(text);
  const [xid, seq] = [Number(match?.[1]), Number(match?.[2])];
  return Number.isSafeInteger(xid) && Number.isSafeInteger(seq) ? { xid, seq } : undefined;
}

const insertEvents = prepared(
  (
    db,
    {
      rows,
    }: {
      rows: readonly {
        at: number;
        kind: EventKind;
        peer_id: string;
        other_id: string | null;
        message_id: string | null;
        state: string | null;
      }[];
    },
  ) => db.insertInto('events').values(rows),
);

/** Writes what the units of one transaction told, in one go. */
export async function insertAll(db: Db, events: readonly NewEvent[], at: number): Promise<void> {
  const rows = events.map(({ kind, peer_id, other_id = null, message_id = null, state = null }) => ({
    at,
    kind,
    peer_id,
    other_id,
    message_id,
    state,
  }));
  for (const chunk of chunks(rows)) await insertEvents(db, { rows: chunk });
}

type EventQuery = SelectQueryBuilder<Database, 'events', Selectable<EventsTable>>;

/** Settled events after the cursor, in the order in which readers get them. */
function settledAfter(u: UnitOfWork, { xid, seq }: Cursor): EventQuery {
  const events = u.db.selectFrom('events').selectAll();
  if (u.engine === 'sqlite') return events.where('seq', '>', seq).orderBy('seq');
  return events
    .where(sql<boolean>`(xid, seq) > (${xid}, ${seq})`)
    .where(sql<boolean>`xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`)
    .orderBy('xid')
    .orderBy('seq');
}

export class Events {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Joins the log when the unit commits. */
  tell(...events: NewEvent[]): void {
    this.#u.effects.events.push(...events);
  }

  /**
   * What comes after the cursor, oldest first, and the place up to which the log was read.
   * @param of only what concerns this peer: its own events, and those of messages it sent
   */
  async after(cursor: Cursor, limit: number, of?: string): Promise<{ events: BrokerEvent[]; upTo: Cursor }> {
    // before the look: what comes meanwhile is read the next time
    const end = await this.end();
    let query = settledAfter(this.#u, cursor);
    if (of !== undefined) query = query.where((eb) => eb.or([eb('peer_id', '=', of), eb('other_id', '=', of)]));
    const rows = await query.limit(limit).execute();
    const last = rows.at(-1);
    const events = rows.map(({ at, kind, peer_id, other_id, message_id, state, ...place }) => ({
      cursor: formatCursor(place),
      at: iso(at),
      kind,
      peer_id,
      other_id,
      message_id,
      state,
    }));
    if (last && (rows.length === limit || isAfter(last, end)))
      return { events, upTo: { xid: last.xid, seq: last.seq } };
    return { events, upTo: isAfter(cursor, end) ? cursor : end };
  }

  /** The end of the log: who goes on from here gets what happens from now on. */
  async end(): Promise<Cursor> {
    const { db, engine } = this.#u;
    if (engine === 'sqlite') {
      return (await this.#inOrder('desc').limit(1).executeTakeFirst()) ?? { xid: 0, seq: 0 };
    }
    // whatever is still under way comes after this, though its numbers may be smaller than those of what has ended
    const { rows } = await sql<{
      xmin: number;
    }>`select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin`.execute(db);
    return { xid: (rows[0]?.xmin ?? 1) - 1, seq: Number.MAX_SAFE_INTEGER };
  }

  /** Whether nothing after the cursor has been deleted. */
  async reachesBackTo({ xid, seq }: Cursor): Promise<boolean> {
    const oldest = await this.#inOrder().limit(1).executeTakeFirst();
    // the first of all is still there: nothing has been deleted yet, though the cursor may be from before it
    if (oldest === undefined || oldest.seq === 1) return true;
    return oldest.xid < xid || (oldest.xid === xid && oldest.seq <= seq + 1);
  }

  /**
   * Deletes from the beginning of the log what is older, and never the newest event: what is left has no holes, also
   * where a clock jumped, and a reader can tell from it whether it missed something.
   * @param limit so many at once
   * @returns how many
   */
  async forget(before: number, limit: number): Promise<number> {
    const younger = await this.#inOrder().where('at', '>=', before).limit(1).executeTakeFirst();
    const first = younger ?? (await this.#inOrder('desc').limit(1).executeTakeFirst());
    if (!first) return 0;
    const { db, engine } = this.#u;
    const isBefore =
      engine === 'sqlite' ? sql<boolean>`seq < ${first.seq}` : sql<boolean>`(xid, seq) < (${first.xid}, ${first.seq})`;
    const old = this.#inOrder().where(isBefore).limit(limit).clearSelect().select('seq');
    const deleted = await db.deleteFrom('events').where('seq', 'in', old).executeTakeFirst();
    return Number(deleted.numDeletedRows);
  }

  /** All places of the log, in the order in which readers get them: on SQLite `seq` is that alone, and has the index. */
  #inOrder(direction: 'asc' | 'desc' = 'asc') {
    const { db, engine } = this.#u;
    const places = db.selectFrom('events').select(['xid', 'seq']);
    return (engine === 'sqlite' ? places : places.orderBy('xid', direction)).orderBy('seq', direction);
  }
}
