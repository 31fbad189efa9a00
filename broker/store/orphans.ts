/** Mail that nobody is there to take. */
import { sql } from 'kysely';
import type { Orphan } from '../../shared/contract/types.ts';
import { ORPHAN_GRACE_MS } from '../../shared/limits.ts';
import { preview } from '../../shared/peer-text.ts';
import { FIRST_RECIPIENT, iso, WAITING } from './common.ts';
import { Events } from './events.ts';
import { QUEUED } from './mailbox.ts';
import { beginning } from './messages.ts';
import type { Db, UnitOfWork } from './unit.ts';

const PREVIEW_BYTES = 100;
/** Told by one sweep: it must not hold up a message for long. */
const TOLD_AT_ONCE = 500;

/** Entries that nobody is there to take: given up already, or waiting for a peer that left a while ago. */
function selectOrphans(db: Db, now: number) {
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

export class Orphans {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  async count(): Promise<number> {
    const { db, now } = this.#u;
    const row = await selectOrphans(db, now)
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    return Number(row.n);
  }

  /** Oldest first. @param undelivered_ms how long mail stays deliverable */
  async list(undelivered_ms: number, limit: number): Promise<{ orphans: Orphan[]; total: number }> {
    const { db, now } = this.#u;
    const rows = await selectOrphans(db, now)
      .innerJoin('messages', 'messages.seq', 'entries.message_seq')
      .innerJoin('peers as sender', 'sender.id', 'messages.sender_id')
      .select([
        'messages.id',
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
      .select(beginning(db).as('text'))
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
    return { orphans, total: await this.count() };
  }

  /** Whether {@link tell} would find something. */
  async hasUntold(): Promise<boolean> {
    const { db, now } = this.#u;
    const row = await selectOrphans(db, now)
      .select('entries.message_seq')
      .where('entries.orphaned_at', 'is', null)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Tells of each entry once that its recipient is gone. @returns how many were told of */
  async tell(): Promise<number> {
    const { db, now } = this.#u;
    const found = await selectOrphans(db, now)
      .innerJoin('messages', 'messages.seq', 'entries.message_seq')
      .select(['entries.recipient_id', 'entries.message_seq', 'messages.id', 'messages.sender_id'])
      .where('entries.orphaned_at', 'is', null)
      .limit(TOLD_AT_ONCE)
      .execute();
    for (const { recipient_id, message_seq, id, sender_id } of found) {
      await db
        .updateTable('entries')
        .set({ orphaned_at: now })
        .where('recipient_id', '=', recipient_id)
        .where('message_seq', '=', message_seq)
        .execute();
      const of = { peer_id: recipient_id, other_id: sender_id, message_id: id };
      new Events(this.#u).tell({ kind: 'message.orphaned', ...of });
    }
    return found.length;
  }

  /**
   * Moves unconfirmed entries to another mailbox: all that one peer left behind, or one message. A message that waits for
   * several peers is moved from the one that is named.
   * @returns the ids of the messages moved; `ambiguous` with the names of those that it waits for
   */
  async requeue(
    what: { message_id: string; from: string | undefined } | { orphans_of: string },
    to_peer_id: string,
  ): Promise<{ moved: string[] } | { ambiguous: string[] }> {
    const { db, now } = this.#u;
    const entries = db
      .selectFrom('entries')
      .innerJoin('messages', 'messages.seq', 'entries.message_seq')
      .innerJoin('peers', 'peers.id', 'entries.recipient_id')
      .select(['messages.seq', 'messages.id', 'messages.sender_id', 'entries.recipient_id', 'peers.name'])
      .where('entries.recipient_id', '!=', to_peer_id)
      .orderBy('messages.seq');
    const query =
      'message_id' in what
        ? entries
            .where('messages.id', '=', what.message_id)
            .where('entries.state', '!=', 'confirmed')
            .$if(what.from !== undefined, (q) => q.where('entries.recipient_id', '=', what.from ?? ''))
        : entries
            .where('entries.recipient_id', '=', what.orphans_of)
            .where(
              'entries.message_seq',
              'in',
              selectOrphans(db, now).select('entries.message_seq').where('entries.recipient_id', '=', what.orphans_of),
            );
    const moving = await query.execute();
    if ('message_id' in what && moving.length > 1) return { ambiguous: moving.map(({ name }) => name) };
    for (const { seq, id, sender_id, recipient_id } of moving) {
      const entryOf = (peer_id: string) => sql<boolean>`recipient_id = ${peer_id} and message_seq = ${seq}`;
      const there = await db.selectFrom('entries').select('state').where(entryOf(to_peer_id)).executeTakeFirst();
      const waits = { ...QUEUED, queued_at: now, orphaned_at: null };
      if (there) {
        // who has it already gets it once, also where it was given up
        await db.deleteFrom('entries').where(entryOf(recipient_id)).execute();
        if (there.state === 'orphaned') await db.updateTable('entries').set(waits).where(entryOf(to_peer_id)).execute();
      } else {
        await db
          .updateTable('entries')
          .set({ ...waits, recipient_id: to_peer_id, first_recipient_id: FIRST_RECIPIENT })
          .where(entryOf(recipient_id))
          .execute();
      }
      const of = { peer_id: to_peer_id, other_id: sender_id, message_id: id };
      new Events(this.#u).tell({ kind: 'message.requeued', ...of, state: recipient_id });
    }
    if (moving.length > 0) this.#u.effects.wakes.add(to_peer_id);
    return { moved: moving.map(({ id }) => id) };
  }
}
