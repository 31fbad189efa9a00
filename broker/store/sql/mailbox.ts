/** Queries about the entries of mailboxes: lease, push, confirm. */
import { sql } from 'kysely';
import type { Confirmation, Evidence, InboxMessage, PushRoute } from '../../../shared/contract/types.ts';
import { LEASE_MS, LEASED_PER_SENDER } from '../../../shared/limits.ts';
import type { PeerText } from '../../../shared/peer-text.ts';
import type { MailRequest, SessionRecord } from '../store.ts';
import { CRITICAL, type Db, isLeasedBy, RELEASED, UNLEASED, WAITING } from './common.ts';
import { anyOf } from './lists.ts';
import { selectMessages, toInboxMessage } from './messages.ts';
import { prepared } from './prepared.ts';

/** Messages handed out by one call; the next call brings the rest. */
const LEASE_BATCH = 200;

interface Taker {
  readonly peer_id: string;
  readonly session_id: string;
  /** What was leased to it for a later request never arrived. */
  readonly received: number;
  readonly now: number;
}

function takerOf(session: SessionRecord, { received }: MailRequest, now: number): Taker {
  return { peer_id: session.peer_id, session_id: session.id, received, now };
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

/** Whether {@link leaseNext} may find something: most looks are in vain, and this one takes no transaction. */
export async function hasNext(db: Db, session: SessionRecord, request: MailRequest, now: number): Promise<boolean> {
  return (await findOne(db, takerOf(session, request, now))).length > 0;
}

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
      sql<number>`row_number() over (partition by messages.sender_id order by messages.priority = ${CRITICAL} desc, entries.message_seq)`.as(
        'place',
      ),
    );
  return db
    .selectFrom(waiting.as('waiting'))
    .select(['message_seq', 'shown_by'])
    .where((eb) => eb.or([eb('place', '<=', LEASED_PER_SENDER), eb('priority', '=', CRITICAL)]))
    .where(isFreeFor(taker))
    .orderBy(sql`priority = ${CRITICAL}`, 'desc')
    .orderBy('place')
    .orderBy('message_seq')
    .limit(LEASE_BATCH);
});

const setLeased = prepared(
  (db, { peer_id, seqs, lease }: { peer_id: string; seqs: readonly number[]; lease: ReturnType<typeof leasedTo> }) =>
    db.updateTable('entries').set(lease).where('recipient_id', '=', peer_id).where('message_seq', 'in', anyOf(seqs)),
);

const findMessages = prepared((db, { seqs }: { seqs: readonly number[] }) =>
  selectMessages(db).where('messages.seq', 'in', anyOf(seqs)),
);

export async function leaseNext(
  db: Db,
  session: SessionRecord,
  request: MailRequest,
  now: number,
): Promise<InboxMessage[]> {
  const { peer_id } = session;
  const taker = takerOf(session, request, now);
  await releaseLost(db, taker);
  const next = await findNext(db, taker);
  if (next.length === 0) return [];
  const seqs = next.map(({ message_seq }) => message_seq);
  await setLeased(db, { peer_id, seqs, lease: leasedTo(session, request.number, now) });
  const rows = await findMessages(db, { seqs });
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  return next.flatMap(({ message_seq, shown_by }) => {
    const row = bySeq.get(message_seq);
    return row ? [toInboxMessage(row, shown_by !== null && shown_by !== session.process)] : [];
  });
}

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
  } as const;
}

export async function peekMailbox(db: Db, peer_id: string, limit: number): Promise<InboxMessage[]> {
  // by themselves: the index has no order of arrival, and only numbers should be sorted, not texts
  const first = db
    .selectFrom('entries')
    .select('message_seq')
    .where('recipient_id', '=', peer_id)
    .where(WAITING)
    .orderBy('message_seq')
    .limit(limit);
  const rows = await selectMessages(db).where('messages.seq', 'in', first).orderBy('messages.seq').execute();
  return rows.map((row) => toInboxMessage(row, false));
}

export async function renewLeases(db: Db, session_ids: readonly string[], now: number): Promise<void> {
  await db
    .updateTable('entries')
    .set({ lease_until: now + LEASE_MS })
    .where(isLeasedBy(db, session_ids))
    .execute();
}

const findWaiting = prepared((db, { peer_id, ids }: { peer_id: string; ids: readonly string[] }) =>
  db
    .selectFrom('messages')
    // SQLite keeps this order: it would go through the whole mailbox otherwise, for want of knowing the list's length
    .crossJoin('entries')
    .select(['messages.seq', 'messages.id'])
    .where('messages.id', 'in', anyOf(ids))
    .whereRef('entries.message_seq', '=', 'messages.seq')
    .where('entries.recipient_id', '=', peer_id)
    .where(WAITING),
);

interface Confirmed {
  readonly peer_id: string;
  readonly seqs: readonly number[];
  readonly evidence: Evidence;
  readonly now: number;
}

function updateConfirmed(db: Db, { peer_id, seqs, evidence, now }: Confirmed) {
  return db
    .updateTable('entries')
    .set({ state: 'confirmed', confirmed_at: now, confirmed_by: evidence, ...UNLEASED })
    .where('recipient_id', '=', peer_id)
    .where('message_seq', 'in', anyOf(seqs));
}

const setConfirmed = prepared(updateConfirmed);
const setPushedAndConfirmed = prepared((db, { route, ...confirmed }: Confirmed & { route: PushRoute }) =>
  updateConfirmed(db, confirmed).set({ pushed_at: confirmed.now, push_route: route, push_error: null }),
);

export async function confirm(
  db: Db,
  peer_id: string,
  confirmations: readonly Confirmation[],
  now: number,
): Promise<string[]> {
  const alike = new Map<string, Pick<Confirmation, 'evidence' | 'pushed_by'> & { ids: string[] }>();
  for (const { message_id, evidence, pushed_by } of confirmations) {
    const key = `${evidence} ${pushed_by}`;
    const group = alike.get(key) ?? { evidence, pushed_by, ids: [] };
    group.ids.push(message_id);
    alike.set(key, group);
  }
  const confirmed: string[] = [];
  for (const { evidence, pushed_by, ids } of alike.values()) {
    const waiting = await findWaiting(db, { peer_id, ids });
    if (waiting.length === 0) continue;
    const entries = { peer_id, seqs: waiting.map(({ seq }) => seq), evidence, now };
    if (pushed_by === undefined) await setConfirmed(db, entries);
    else await setPushedAndConfirmed(db, { ...entries, route: pushed_by });
    confirmed.push(...waiting.map(({ id }) => id));
  }
  return confirmed;
}

interface Pushed {
  readonly session_id: string;
  readonly ids: readonly string[];
  readonly route: PushRoute;
}

function updatePushed(db: Db, { session_id, ids, route }: Pushed) {
  return db
    .updateTable('entries')
    .set({ push_route: route })
    .where('lease_session', '=', session_id)
    .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', anyOf(ids)))
    .returning((eb) =>
      eb.selectFrom('messages').select('messages.id').whereRef('messages.seq', '=', 'entries.message_seq').as('id'),
    );
}

const setPushed = prepared((db, { now, ...pushed }: Pushed & { now: number }) =>
  updatePushed(db, pushed).set({ pushed_at: now, push_error: null }),
);
const setPushFailed = prepared((db, { error, ...pushed }: Pushed & { error: PeerText }) =>
  updatePushed(db, pushed).set({ push_error: error }),
);

export async function notePush(
  db: Db,
  session_id: string,
  message_ids: readonly string[],
  route: PushRoute,
  error: PeerText | undefined,
  now: number,
): Promise<string[]> {
  const pushed = { session_id, ids: message_ids, route };
  const rows =
    error === undefined ? await setPushed(db, { ...pushed, now }) : await setPushFailed(db, { ...pushed, error });
  return rows.flatMap(({ id }) => id ?? []);
}

const countWaiting = prepared((db, { peer_id }: { peer_id: string }) =>
  db
    .selectFrom('entries')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('recipient_id', '=', peer_id)
    .where(WAITING),
);

export async function unread(db: Db, peer_id: string): Promise<number> {
  const [row] = await countWaiting(db, { peer_id });
  return Number(row?.n ?? 0);
}

const countUnpushed = prepared((db, { peer_id }: { peer_id: string }) =>
  selectUnpushed(db, peer_id).select(({ fn }) => fn.countAll<number>().as('n')),
);

/** How many wait that were not pushed. */
export async function unpushed(db: Db, peer_id: string): Promise<number> {
  const [row] = await countUnpushed(db, { peer_id });
  return Number(row?.n ?? 0);
}
