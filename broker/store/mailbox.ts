/**
 * The entries of mailboxes: lease, push, confirm. Each statement looks whether the session still serves the peer: one
 * that was superseded gets nothing and confirms nothing, whichever broker it talks to.
 */
import { sql } from 'kysely';
import type { Confirmation, Evidence, InboxMessage, PushRoute } from '../../shared/contract/types.ts';
import { ANSWER_MAX_CHARS, LEASE_MS, LEASED_PER_SENDER } from '../../shared/limits.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import { CRITICAL, isLeasedBy, RELEASED, UNLEASED, unread, WAITING } from './common.ts';
import { Events } from './events.ts';
import { anyNumberOf, anyOf } from './lists.ts';
import { selectMessages, toInboxMessage } from './messages.ts';
import { prepared } from './prepared.ts';
import type { SessionRecord } from './sessions.ts';
import { Tallies } from './tallies.ts';
import { type Db, entryKey, type UnitOfWork } from './unit.ts';

/** A session's request for mail. */
export interface MailRequest {
  /** Larger than that of its request before. */
  readonly number: number;
  /** What was leased to the session for a later request never arrived. */
  readonly received: number;
}

/** The session whose request for mail is held at this moment, and the number of that request. */
export interface WaitingSession {
  readonly session: SessionRecord;
  readonly request: number;
}

/** Messages handed out by one call; the next call brings the rest. */
const LEASE_BATCH = 200;

interface Taker {
  readonly peer_id: string;
  readonly session_id: string;
  readonly received: number;
  readonly now: number;
}

/** The session is open, and serves this peer still. */
function isServedBy({ peer_id, session_id }: { readonly peer_id: string; readonly session_id: string }) {
  return sql<boolean>`exists (select 1 from sessions s where s.id = ${session_id} and s.peer_id = ${peer_id} and s.ended_at is null)`;
}

/** Waiting, and not pushed: the mail that is still on its way to the client. */
function selectUnpushed(db: Db, peer_id: string) {
  return db
    .selectFrom('entries')
    .where('entries.recipient_id', '=', peer_id)
    .where('entries.pushed_at', 'is', null)
    .where(WAITING);
}

/** Not leased to this session, or the lease has lapsed. */
function isFreeFor({ session_id, now }: Taker) {
  return sql<boolean>`(lease_session is null or lease_session != ${session_id} or lease_until < ${now})`;
}

function isLost({ session_id, received }: Taker) {
  return sql<boolean>`(lease_session = ${session_id} and lease_request > ${received})`;
}

const findOne = prepared((db, taker: Taker) =>
  selectUnpushed(db, taker.peer_id)
    .select('message_seq')
    .where((eb) => eb.or([isFreeFor(taker), isLost(taker)]))
    .limit(1),
);

/** What got lost waits again, all of it: a batch may bring only a part, and is received as a whole. */
const releaseLost = prepared((db, taker: Taker) =>
  db
    .updateTable('entries')
    .set(RELEASED)
    .where('recipient_id', '=', taker.peer_id)
    .where('pushed_at', 'is', null)
    .where(WAITING)
    .where(isLost(taker)),
);

/**
 * What the session may have next, in the order in which it is handed out. It counts what the session holds and has not
 * pushed: no more than a few of one sender are on their way at a time.
 */
const findNext = prepared((db, taker: Taker) => {
  const waiting = selectUnpushed(db, taker.peer_id)
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .select([
      'entries.message_seq',
      'entries.lease_session',
      'entries.lease_until',
      'entries.shown_by',
      'messages.priority',
    ])
    .select(
      sql<number>`row_number() over (partition by messages.sender_id
        order by case when messages.priority = ${CRITICAL} then 0 else 1 end, entries.message_seq)`.as('place'),
    );
  return db
    .selectFrom(waiting.as('waiting'))
    .select(['message_seq', 'shown_by'])
    .where((eb) => eb.or([eb('place', '<=', LEASED_PER_SENDER), eb('priority', '=', CRITICAL)]))
    .where(isFreeFor(taker))
    .orderBy(sql`case when priority = ${CRITICAL} then 0 else 1 end`)
    .orderBy('place')
    .orderBy('message_seq')
    .limit(LEASE_BATCH);
});

const setLeased = prepared(
  (db, { taker, seqs, lease }: { taker: Taker; seqs: readonly number[]; lease: ReturnType<typeof leasedTo> }) =>
    db
      .updateTable('entries')
      .set(lease)
      .where('recipient_id', '=', taker.peer_id)
      .where('message_seq', 'in', anyNumberOf(db, seqs))
      .where(WAITING)
      .where(isServedBy(taker))
      .returning('message_seq'),
);

const findLengths = prepared((db, { seqs }: { seqs: readonly number[] }) =>
  db
    .selectFrom('messages')
    .select(['seq', ({ fn }) => fn<number>('length', ['text']).as('chars')])
    .where('seq', 'in', anyNumberOf(db, seqs)),
);

/** As many of them, from the first on, as one answer carries; at least one. */
async function fitting(db: Db, seqs: readonly number[]): Promise<number[]> {
  const chars = new Map((await findLengths(db, { seqs })).map((row) => [row.seq, row.chars]));
  let room = ANSWER_MAX_CHARS;
  const fit = seqs.findIndex((seq, i) => {
    room -= chars.get(seq) ?? 0;
    return i > 0 && room < 0;
  });
  return fit < 0 ? [...seqs] : seqs.slice(0, fit);
}

const findMessages = prepared((db, { seqs }: { seqs: readonly number[] }) =>
  selectMessages(db).where('messages.seq', 'in', anyNumberOf(db, seqs)),
);

/** What an entry says in a mailbox that it just came into. */
export const QUEUED = { ...RELEASED, leased_at: null, shown_by: null } as const;

/** What it says while this session has it. */
export function leasedTo(session: SessionRecord, request: number, now: number) {
  return {
    state: 'leased',
    lease_session: session.id,
    lease_until: now + LEASE_MS,
    lease_request: request,
    leased_at: now,
    shown_by: session.process,
    orphaned_at: null,
  } as const;
}

interface Confirmed {
  readonly peer_id: string;
  readonly ids: readonly string[];
  readonly evidence: Evidence;
  readonly now: number;
}

function updateConfirmed(db: Db, { peer_id, ids, evidence, now }: Confirmed) {
  return db
    .updateTable('entries')
    .set({ state: 'confirmed', confirmed_at: now, confirmed_by: evidence, ...UNLEASED })
    .where('recipient_id', '=', peer_id)
    .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', anyOf(db, ids)))
    .where(WAITING)
    .returning('message_seq');
}

/** Evidence that a session brings. */
const setConfirmed = prepared((db, { session_id, ...confirmed }: Confirmed & { session_id: string }) =>
  updateConfirmed(db, confirmed).where(isServedBy({ peer_id: confirmed.peer_id, session_id })),
);
const setPushedAndConfirmed = prepared(
  (db, { session_id, route, ...confirmed }: Confirmed & { session_id: string; route: PushRoute }) =>
    updateConfirmed(db, confirmed)
      .set({ pushed_at: confirmed.now, push_route: route, push_error: null })
      .where(isServedBy({ peer_id: confirmed.peer_id, session_id })),
);
const setReadByHuman = prepared(updateConfirmed);

interface Pushed {
  readonly session_id: string;
  readonly peer_id: string;
  readonly ids: readonly string[];
  readonly route: PushRoute;
}

function updatePushed(db: Db, { session_id, peer_id, ids, route }: Pushed) {
  return db
    .updateTable('entries')
    .set({ push_route: route })
    .where('recipient_id', '=', peer_id)
    .where('lease_session', '=', session_id)
    .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', anyOf(db, ids)))
    .where(isServedBy({ peer_id, session_id }))
    .returning('message_seq');
}

const setPushed = prepared((db, { now, ...pushed }: Pushed & { now: number }) =>
  updatePushed(db, pushed).set({ pushed_at: now, push_error: null }),
);
const setPushFailed = prepared((db, { error, ...pushed }: Pushed & { error: PeerText }) =>
  updatePushed(db, pushed).set({ push_error: error }),
);

const findNamesOf = prepared((db, { seqs }: { seqs: readonly number[] }) =>
  db.selectFrom('messages').select(['id', 'sender_id']).where('seq', 'in', anyNumberOf(db, seqs)),
);

export class Mailbox {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Whether {@link lease} may find something: most looks are in vain, and this one takes no transaction. */
  async hasNext(session: SessionRecord, request: MailRequest): Promise<boolean> {
    return (await findOne(this.#u.db, this.#taker(session, request))).length > 0;
  }

  /** Leases to the session what its peer has waiting: critical first, then one of each sender in turn. */
  async lease(session: SessionRecord, request: MailRequest): Promise<InboxMessage[]> {
    const { db, now } = this.#u;
    const taker = this.#taker(session, request);
    await releaseLost(db, taker);
    const next = await findNext(db, taker);
    if (next.length === 0) return [];
    const lease = leasedTo(session, request.number, now);
    const seqs = await fitting(
      db,
      next.map(({ message_seq }) => message_seq),
    );
    const leased = await setLeased(db, { taker, seqs, lease });
    const rows = await findMessages(db, { seqs: leased.map(({ message_seq }) => message_seq) });
    const bySeq = new Map(rows.map((row) => [row.seq, row]));
    return next.flatMap(({ message_seq, shown_by }) => {
      const row = bySeq.get(message_seq);
      if (!row) return [];
      this.#tell('message.leased', session.peer_id, row);
      return [toInboxMessage(row, shown_by !== null && shown_by !== session.process)];
    });
  }

  /** The messages that came first, as many as one answer carries, without leasing them. */
  async peek(peer_id: string, limit: number): Promise<InboxMessage[]> {
    const { db } = this.#u;
    // by themselves: the index has no order of arrival, and only numbers should be sorted, not texts
    const first = db
      .selectFrom('entries')
      .select('message_seq')
      .where('recipient_id', '=', peer_id)
      .where(WAITING)
      .orderBy('message_seq')
      .limit(limit);
    const seqs = (await first.execute()).map(({ message_seq }) => message_seq);
    if (seqs.length === 0) return [];
    const rows = await findMessages(db, { seqs: await fitting(db, seqs) });
    return rows.sort((a, b) => a.seq - b.seq).map((row) => toInboxMessage(row, false));
  }

  unread(peer_id: string): Promise<number> {
    return unread(this.#u.db, peer_id);
  }

  async renew(session_ids: readonly string[]): Promise<void> {
    const { db, now } = this.#u;
    await db
      .updateTable('entries')
      .set({ lease_until: now + LEASE_MS })
      .where(isLeasedBy(db, session_ids))
      .execute();
  }

  /** What the session held waits again. @param unseen ids of those that nobody was shown */
  async release(session_id: string, unseen: readonly string[] = []): Promise<void> {
    const { db } = this.#u;
    if (unseen.length > 0) {
      await db
        .updateTable('entries')
        .set({ shown_by: null })
        .where(isLeasedBy(db, [session_id]))
        .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', anyOf(db, unseen)))
        .execute();
    }
    await db
      .updateTable('entries')
      .set(RELEASED)
      .where(isLeasedBy(db, [session_id]))
      .execute();
  }

  /**
   * The session brings evidence that its model has these. Entries of others are passed over.
   * @returns the ids newly confirmed
   */
  async confirm(session: SessionRecord, confirmations: readonly Confirmation[]): Promise<string[]> {
    const { db, now } = this.#u;
    const { peer_id, id: session_id } = session;
    const alike = new Map<string, Pick<Confirmation, 'evidence' | 'pushed_by'> & { ids: string[] }>();
    for (const { message_id, evidence, pushed_by } of confirmations) {
      const key = `${evidence} ${pushed_by}`;
      const group = alike.get(key) ?? { evidence, pushed_by, ids: [] };
      group.ids.push(message_id);
      alike.set(key, group);
    }
    const confirmed: string[] = [];
    for (const { evidence, pushed_by, ids } of alike.values()) {
      const entries = { peer_id, session_id, ids, evidence, now };
      const rows =
        pushed_by === undefined
          ? await setConfirmed(db, entries)
          : await setPushedAndConfirmed(db, { ...entries, route: pushed_by });
      confirmed.push(...(await this.#confirmed(peer_id, rows, evidence)));
    }
    return confirmed;
  }

  /** The human has read these. @returns the ids newly confirmed */
  async readByHuman(peer_id: string, ids: readonly string[]): Promise<string[]> {
    const rows = await setReadByHuman(this.#u.db, { peer_id, ids, evidence: 'operator', now: this.#u.now });
    return this.#confirmed(peer_id, rows, 'operator');
  }

  /** Notes that messages were handed to the client, or why they were not. @returns the ids noted */
  async notePush(
    session: SessionRecord,
    ids: readonly string[],
    route: PushRoute,
    error: PeerText | undefined,
  ): Promise<string[]> {
    const { db, now } = this.#u;
    const pushed = { session_id: session.id, peer_id: session.peer_id, ids, route };
    const rows =
      error === undefined ? await setPushed(db, { ...pushed, now }) : await setPushFailed(db, { ...pushed, error });
    const messages = await findNamesOf(db, { seqs: rows.map(({ message_seq }) => message_seq) });
    const kind = error === undefined ? 'message.pushed' : 'message.push_failed';
    for (const message of messages) {
      this.#tell(kind, session.peer_id, message, route);
      if (error !== undefined) this.#u.effects.pushErrors.set(entryKey(message.id, session.peer_id), error);
    }
    // what was pushed makes room for more of the same sender
    if (messages.length > 0) this.#u.effects.wakes.add(session.peer_id);
    return messages.map(({ id }) => id);
  }

  async #confirmed(
    peer_id: string,
    rows: readonly { readonly message_seq: number }[],
    evidence: Evidence,
  ): Promise<string[]> {
    if (rows.length === 0) return [];
    await new Tallies(this.#u).addConfirmed(rows.length);
    const messages = await findNamesOf(this.#u.db, { seqs: rows.map(({ message_seq }) => message_seq) });
    for (const message of messages) this.#tell('message.confirmed', peer_id, message, evidence);
    // there is room for more of the same sender
    this.#u.effects.wakes.add(peer_id);
    return messages.map(({ id }) => id);
  }

  #tell(
    kind: 'message.leased' | 'message.pushed' | 'message.push_failed' | 'message.confirmed',
    peer_id: string,
    { id, sender_id }: { readonly id: string; readonly sender_id: string },
    state: string | null = null,
  ): void {
    new Events(this.#u).tell({ kind, peer_id, other_id: sender_id, message_id: id, state });
  }

  #taker(session: SessionRecord, { received }: MailRequest): Taker {
    return { peer_id: session.peer_id, session_id: session.id, received, now: this.#u.now };
  }
}
