/** Sessions: each serves one peer, from its registration to its end, attached to one broker at a time. */
import type { Activity, PushRoute } from '../../shared/contract/types.ts';
import type { PeerText } from '../../shared/peer-text.ts';
import { Events } from './events.ts';
import { anyOf } from './lists.ts';
import { Mailbox } from './mailbox.ts';
import type { SessionRow } from './schema.ts';
import type { UnitOfWork } from './unit.ts';

export interface SessionRecord {
  readonly id: string;
  readonly peer_id: string;
  readonly process: string;
  readonly ended: boolean;
  readonly end_reason: string | null;
}

/** A session on this broker: which of its attachments that is. */
export interface Attached {
  readonly peer_id: string;
  readonly attachment: number;
}

export interface SessionChanges {
  readonly push_route?: PushRoute;
  readonly activity?: Activity;
  /** Where the peer is. */
  readonly place?: { readonly cwd?: PeerText; readonly repo?: PeerText; readonly branch?: PeerText };
}

export function toSession(
  row: Pick<SessionRow, 'id' | 'peer_id' | 'process' | 'ended_at' | 'end_reason'>,
): SessionRecord {
  return {
    id: row.id,
    peer_id: row.peer_id,
    process: row.process,
    ended: row.ended_at !== null,
    end_reason: row.end_reason,
  };
}

export class Sessions {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  async find(token_hash: string): Promise<SessionRecord | undefined> {
    const row = await this.#u.db
      .selectFrom('sessions')
      .select(['id', 'peer_id', 'process', 'ended_at', 'end_reason'])
      .where('token_hash', '=', token_hash)
      .executeTakeFirst();
    return row && toSession(row);
  }

  /** The session that serves this peer, attached or not. */
  async openOf(peer_id: string): Promise<SessionRow | undefined> {
    return this.#u.db
      .selectFrom('sessions')
      .selectAll()
      .where('peer_id', '=', peer_id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
  }

  /** Of these sessions with their peers, those that have ended, and those that serve another peer now. */
  async changed(known: ReadonlyMap<string, string>): Promise<{ ended: string[]; moved: Map<string, string> }> {
    const rows = await this.#u.db
      .selectFrom('sessions')
      .select(['id', 'peer_id', 'ended_at'])
      .where('id', 'in', anyOf(this.#u.db, [...known.keys()]))
      .execute();
    const open = new Map(rows.flatMap(({ id, peer_id, ended_at }) => (ended_at === null ? [[id, peer_id]] : [])));
    return {
      ended: [...known.keys()].filter((id) => !open.has(id)),
      moved: new Map([...open].filter(([id, peer_id]) => known.get(id) !== peer_id)),
    };
  }

  async update(session_id: string, { place, ...own }: SessionChanges): Promise<void> {
    const { db } = this.#u;
    const session = await db
      .selectFrom('sessions')
      .select(['peer_id', 'activity'])
      .where('id', '=', session_id)
      .executeTakeFirst();
    if (!session) return;
    if (Object.keys(own).length > 0) await db.updateTable('sessions').set(own).where('id', '=', session_id).execute();
    if (place) await db.updateTable('peers').set(place).where('id', '=', session.peer_id).execute();
    const { peer_id } = session;
    const events = new Events(this.#u);
    if (own.activity !== undefined && own.activity !== session.activity && own.activity !== 'unknown') {
      events.tell({ kind: own.activity === 'idle' ? 'peer.idle' : 'peer.busy', peer_id });
    }
    if (own.push_route !== undefined || place) events.tell({ kind: 'peer.changed', peer_id });
  }

  /** A connection to this broker holds the session. @returns undefined for one that has ended */
  async attach(session_id: string): Promise<Attached | undefined> {
    const { db, instance_id } = this.#u;
    const before = await db
      .selectFrom('sessions')
      .select(['peer_id', 'attachment', 'detached_at'])
      .where('id', '=', session_id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (!before) return undefined;
    const attached = await db
      .updateTable('sessions')
      .set({ detached_at: null, instance_id, attachment: before.attachment + 1 })
      .where('id', '=', session_id)
      .where('ended_at', 'is', null)
      .returning(['peer_id', 'attachment'])
      .executeTakeFirst();
    await this.#touch([session_id]);
    if (attached && before.detached_at !== null) {
      new Events(this.#u).tell({ kind: 'peer.online', peer_id: attached.peer_id });
    }
    return attached;
  }

  /**
   * No connection to this broker holds it any more. Nothing happens where it has attached again since, here or elsewhere.
   * @returns the peer that nobody serves now
   */
  async detach(session_id: string, attachment: number): Promise<string | undefined> {
    const { db, now, instance_id } = this.#u;
    const detached = await db
      .updateTable('sessions')
      .set({ detached_at: now })
      .where('id', '=', session_id)
      .where('instance_id', '=', instance_id)
      .where('attachment', '=', attachment)
      .where('ended_at', 'is', null)
      .where('detached_at', 'is', null)
      .returning('peer_id')
      .executeTakeFirst();
    if (!detached) return undefined;
    await this.#touch([session_id]);
    new Events(this.#u).tell({ kind: 'peer.offline', peer_id: detached.peer_id });
    return detached.peer_id;
  }

  /** These brokers are gone, or stop: whoever was attached to them has to attach again. @returns the peers left alone */
  async detachAllOf(instance_ids: readonly string[]): Promise<string[]> {
    const { db, now } = this.#u;
    const detached = await db
      .updateTable('sessions')
      .set({ detached_at: now })
      .where('instance_id', 'in', anyOf(db, instance_ids))
      .where('ended_at', 'is', null)
      .where('detached_at', 'is', null)
      .returning(['id', 'peer_id'])
      .execute();
    if (detached.length === 0) return [];
    await this.#touch(detached.map(({ id }) => id));
    const peers = detached.map(({ peer_id }) => peer_id);
    new Events(this.#u).tell(...peers.map((peer_id) => ({ kind: 'peer.offline', peer_id }) as const));
    return peers;
  }

  /** Ends it for good; its leases return to the mailbox, those in `unseen` as never shown. */
  async end(session_id: string, reason: string, unseen: readonly string[] = []): Promise<void> {
    const { db, now, effects } = this.#u;
    const ended = await db
      .updateTable('sessions')
      .set({ ended_at: now, end_reason: reason })
      .where('id', '=', session_id)
      .where('ended_at', 'is', null)
      .returning(['detached_at', 'peer_id'])
      .executeTakeFirst();
    if (!ended) return;
    await new Mailbox(this.#u).release(session_id, unseen);
    effects.ended.add(session_id);
    // a detached session was last seen when it detached, not now that it is given up
    if (ended.detached_at !== null) return;
    await this.#touch([session_id]);
    new Events(this.#u).tell({ kind: 'peer.offline', peer_id: ended.peer_id });
  }

  /** Ends sessions that stayed detached. @returns their ids */
  async endDetachedBefore(cut: number): Promise<string[]> {
    const lost = await this.#u.db
      .selectFrom('sessions')
      .select('id')
      .where('ended_at', 'is', null)
      .where('detached_at', '<', cut)
      .execute();
    for (const { id } of lost) await this.end(id, 'lost');
    return lost.map(({ id }) => id);
  }

  async #touch(session_ids: readonly string[]): Promise<void> {
    const { db, now } = this.#u;
    await db
      .updateTable('peers')
      .set({ last_seen_at: now })
      .where('id', 'in', db.selectFrom('sessions').select('peer_id').where('id', 'in', anyOf(db, session_ids)))
      .execute();
  }
}
