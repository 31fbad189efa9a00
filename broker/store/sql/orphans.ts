/** Queries about mail that nobody is there to take. */
import type { Orphan } from '../../../shared/contract/types.ts';
import { ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import { preview } from '../../../shared/peer-text.ts';
import { type Db, iso, WAITING } from './common.ts';
import { QUEUED } from './mailbox.ts';

const PREVIEW_BYTES = 100;

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
    preview: preview(row.text, PREVIEW_BYTES),
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
        queued_at: now,
        ...QUEUED,
      })
      .where('recipient_id', '=', recipient_id)
      .where('message_seq', '=', seq)
      .execute();
  }
  return moving.map(({ id }) => id);
}
