/** Queries about the entries of mailboxes: lease, push, confirm, orphans, requeue. */
import { sql } from 'kysely';
import type { Confirmation, Evidence, InboxMessage, Orphan, PushRoute } from '../../../shared/contract/types.ts';
import { LEASE_MS, LEASED_PER_SENDER, ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import { previewLine } from '../../../shared/text.ts';
import type { SessionRecord } from '../store.ts';
import { CRITICAL, type Db, iso, WAITING } from './common.ts';
import { selectMessages, toInboxMessage } from './messages.ts';

/** Messages handed out by one call; the next call brings the rest. */
const LEASE_BATCH = 200;
const PREVIEW_BYTES = 100;

export async function leaseNext(db: Db, session: SessionRecord, now: number, again: boolean): Promise<InboxMessage[]> {
  const waiting = db
    .selectFrom('entries')
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .select([
      'entries.message_seq',
      'entries.lease_session',
      'entries.lease_until',
      'entries.shown_by',
      'messages.priority',
    ])
    .select(
      sql<number>`row_number() over (partition by messages.sender_id order by messages.priority desc, entries.message_seq)`.as(
        'place',
      ),
    )
    .where('entries.recipient_id', '=', session.peer_id)
    .where(WAITING);
  let query = db
    .selectFrom(waiting.as('waiting'))
    .select(['message_seq', 'shown_by'])
    .where((eb) => eb.or([eb('place', '<=', LEASED_PER_SENDER), eb('priority', '=', CRITICAL)]));
  if (!again) {
    query = query.where((eb) =>
      eb.or([eb('lease_session', 'is', null), eb('lease_session', '!=', session.id), eb('lease_until', '<', now)]),
    );
  }
  const next = await query
    .orderBy(sql`priority = ${CRITICAL}`, 'desc')
    .orderBy('place')
    .orderBy('message_seq')
    .limit(LEASE_BATCH)
    .execute();
  if (next.length === 0) return [];
  const seqs = next.map(({ message_seq }) => message_seq);
  await db
    .updateTable('entries')
    .set({
      state: 'leased',
      lease_session: session.id,
      lease_until: now + LEASE_MS,
      leased_at: now,
      shown_by: session.process,
    })
    .where('recipient_id', '=', session.peer_id)
    .where('message_seq', 'in', seqs)
    .execute();
  const rows = await selectMessages(db).where('messages.seq', 'in', seqs).execute();
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  return next.flatMap(({ message_seq, shown_by }) => {
    const row = bySeq.get(message_seq);
    return row ? [toInboxMessage(row, shown_by !== null && shown_by !== session.process)] : [];
  });
}

export async function peekMailbox(db: Db, peer_id: string, limit: number): Promise<InboxMessage[]> {
  const rows = await selectMessages(db)
    .innerJoin('entries', 'entries.message_seq', 'messages.seq')
    .where('entries.recipient_id', '=', peer_id)
    .where(WAITING)
    .orderBy('messages.seq')
    .limit(limit)
    .execute();
  return rows.map((row) => toInboxMessage(row, false));
}

export async function renewLeases(db: Db, session_ids: readonly string[], now: number): Promise<void> {
  await db
    .updateTable('entries')
    .set({ lease_until: now + LEASE_MS })
    .where('lease_session', 'in', session_ids)
    .where(sql<boolean>`state = 'leased'`)
    .execute();
}

export async function confirm(
  db: Db,
  peer_id: string,
  confirmations: readonly Confirmation[],
  now: number,
): Promise<string[]> {
  const byEvidence = new Map<Evidence, string[]>();
  for (const { message_id, evidence } of confirmations) {
    byEvidence.set(evidence, [...(byEvidence.get(evidence) ?? []), message_id]);
  }
  const confirmed: string[] = [];
  for (const [evidence, ids] of byEvidence) {
    const waiting = await db
      .selectFrom('messages')
      .innerJoin('entries', 'entries.message_seq', 'messages.seq')
      .select(['messages.seq', 'messages.id'])
      .where('messages.id', 'in', ids)
      .where('entries.recipient_id', '=', peer_id)
      .where(WAITING)
      .execute();
    if (waiting.length === 0) continue;
    await db
      .updateTable('entries')
      .set({ state: 'confirmed', confirmed_at: now, confirmed_by: evidence, lease_session: null, lease_until: null })
      .where('recipient_id', '=', peer_id)
      .where(
        'message_seq',
        'in',
        waiting.map(({ seq }) => seq),
      )
      .execute();
    confirmed.push(...waiting.map(({ id }) => id));
  }
  return confirmed;
}

export async function notePush(
  db: Db,
  session_id: string,
  message_ids: readonly string[],
  route: PushRoute,
  error: string | undefined,
  now: number,
): Promise<string[]> {
  const rows = await db
    .updateTable('entries')
    .set(
      error === undefined
        ? { pushed_at: now, push_route: route, push_error: null }
        : { push_error: error, push_route: route },
    )
    .where('lease_session', '=', session_id)
    .where('message_seq', 'in', db.selectFrom('messages').select('seq').where('id', 'in', message_ids))
    .returning('message_seq')
    .execute();
  if (rows.length === 0) return [];
  const noted = await db
    .selectFrom('messages')
    .select('id')
    .where(
      'seq',
      'in',
      rows.map(({ message_seq }) => message_seq),
    )
    .execute();
  return noted.map(({ id }) => id);
}

export async function unread(db: Db, peer_id: string): Promise<number> {
  const row = await db
    .selectFrom('entries')
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .where('recipient_id', '=', peer_id)
    .where(WAITING)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** Entries that nobody is there to take: given up already, or waiting for a peer that left a while ago. */
export function selectOrphans(db: Db, now: number) {
  return db
    .selectFrom('entries')
    .innerJoin('peers as recipient', 'recipient.id', 'entries.recipient_id')
    .leftJoin('sessions', (join) =>
      join
        .onRef('sessions.peer_id', '=', 'recipient.id')
        .on('sessions.ended_at', 'is', null)
        .on('sessions.detached_at', 'is', null),
    )
    .where((eb) =>
      eb.or([
        eb('entries.state', '=', 'orphaned'),
        eb.and([
          WAITING,
          eb('sessions.id', 'is', null),
          eb('recipient.kind', '!=', 'human'),
          eb('recipient.last_seen_at', '<=', now - ORPHAN_GRACE_MS),
        ]),
      ]),
    );
}

export async function listOrphans(
  db: Db,
  now: number,
  undelivered_ms: number,
  limit: number,
): Promise<{ orphans: Orphan[]; total: number }> {
  const total = await selectOrphans(db, now)
    .select(({ fn }) => fn.countAll<number>().as('n'))
    .executeTakeFirstOrThrow();
  const rows = await selectOrphans(db, now)
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .innerJoin('peers as sender', 'sender.id', 'messages.sender_id')
    .select([
      'messages.id',
      'messages.text',
      'messages.created_at',
      'entries.state',
      'entries.queued_at',
      'recipient.id as to_id',
      'recipient.name as to_name',
      'recipient.kind as to_kind',
      'recipient.last_seen_at',
      'sender.id as from_id',
      'sender.name as from_name',
      'sender.kind as from_kind',
    ])
    .orderBy('messages.seq')
    .limit(limit)
    .execute();
  const orphans = rows.map((row) => ({
    message_id: row.id,
    from: { id: row.from_id, name: row.from_name, kind: row.from_kind },
    to: { id: row.to_id, name: row.to_name, kind: row.to_kind },
    sent_at: iso(row.created_at),
    preview: previewLine(row.text, PREVIEW_BYTES),
    offline_since: iso(row.last_seen_at),
    deliverable_until: row.state === 'orphaned' ? null : iso(row.queued_at + undelivered_ms),
  }));
  return { orphans, total: Number(total.n) };
}

export async function requeue(
  db: Db,
  what: { message_id: string } | { peer_id: string },
  to_peer_id: string,
  now: number,
): Promise<string[]> {
  let query = db
    .selectFrom('entries')
    .innerJoin('messages', 'messages.seq', 'entries.message_seq')
    .select(['messages.seq', 'messages.id', 'entries.recipient_id']);
  query =
    'message_id' in what
      ? query.where('messages.id', '=', what.message_id).where('entries.state', '!=', 'confirmed')
      : query
          .where(
            'entries.message_seq',
            'in',
            selectOrphans(db, now).select('entries.message_seq').where('entries.recipient_id', '=', what.peer_id),
          )
          .where('entries.recipient_id', '=', what.peer_id);
  const moving = await query.where('entries.recipient_id', '!=', to_peer_id).orderBy('messages.seq').execute();
  const already = new Set(
    (await db.selectFrom('entries').select('message_seq').where('recipient_id', '=', to_peer_id).execute()).map(
      ({ message_seq }) => message_seq,
    ),
  );
  for (const { seq, recipient_id } of moving) {
    const entry = { recipient_id, message_seq: seq };
    if (already.has(seq)) {
      await db
        .deleteFrom('entries')
        .where('recipient_id', '=', entry.recipient_id)
        .where('message_seq', '=', seq)
        .execute();
      continue;
    }
    already.add(seq);
    await db
      .updateTable('entries')
      .set({
        recipient_id: to_peer_id,
        first_recipient_id: recipient_id,
        state: 'queued',
        queued_at: now,
        lease_session: null,
        lease_until: null,
        leased_at: null,
        shown_by: null,
        pushed_at: null,
        push_route: null,
        push_error: null,
      })
      .where('recipient_id', '=', recipient_id)
      .where('message_seq', '=', seq)
      .execute();
  }
  return moving.map(({ id }) => id);
}
