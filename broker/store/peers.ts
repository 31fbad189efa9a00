/** Peers: durable identities with a mailbox. */
import { sql } from 'kysely';
import type { Peer, PeerStatus } from '../../shared/contract/types.ts';
import { type PeerText, peerText } from '../../shared/peer-text.ts';
import { nameKey, OPERATOR_NAME } from '../core/names.ts';
import { type PeerRecord, selectPeers, toPeerRecord } from './common.ts';
import { Events } from './events.ts';
import type { UnitOfWork } from './unit.ts';
import { rememberRename } from './wanted-names.ts';

export interface PeerChanges {
  readonly summary?: PeerText;
  readonly summary_source?: 'agent' | 'auto';
  readonly tags?: readonly string[];
  readonly status?: PeerStatus;
  readonly status_message?: PeerText;
}

export class Peers {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** The id that a peer has now: merged peers point to the one they became. */
  async currentId(peer_id: string): Promise<string> {
    let id = peer_id;
    // a merge always points to a peer that lived on, so the chain is short and has an end
    for (;;) {
      const row = await this.#u.db.selectFrom('peers').select('merged_into').where('id', '=', id).executeTakeFirst();
      if (!row?.merged_into) return id;
      id = row.merged_into;
    }
  }

  /** By id or by name; follows merged peers. */
  async find(ref: string): Promise<PeerRecord | undefined> {
    const found = await this.#u.db
      .selectFrom('peers')
      .select('id')
      .where((eb) => eb.or([eb('id', '=', ref), eb('name_key', '=', nameKey(ref))]))
      // an id beats a name that happens to look like one
      .orderBy(sql`case when id = ${ref} then 0 else 1 end`)
      .limit(1)
      .executeTakeFirst();
    return found && this.get(await this.currentId(found.id));
  }

  async get(id: string): Promise<PeerRecord> {
    return toPeerRecord(await selectPeers(this.#u.db).where('peers.id', '=', id).executeTakeFirstOrThrow());
  }

  /** Those who are online first. */
  async list(options: { include_offline: boolean; kind?: Peer['kind'] }): Promise<PeerRecord[]> {
    let query = selectPeers(this.#u.db).where('peers.merged_into', 'is', null);
    if (!options.include_offline) {
      query = query.where(({ eb, or, and }) =>
        or([
          and([eb('sessions.id', 'is not', null), eb('sessions.detached_at', 'is', null)]),
          // the human has no session and is there all the same
          eb('peers.kind', '=', 'human'),
        ]),
      );
    }
    if (options.kind) query = query.where('peers.kind', '=', options.kind);
    const rows = await query
      .orderBy(sql`case when sessions.id is null or sessions.detached_at is not null then 1 else 0 end`)
      .orderBy('peers.last_seen_at', 'desc')
      .orderBy('peers.name_key')
      .execute();
    return rows.map(toPeerRecord);
  }

  async names(): Promise<string[]> {
    const rows = await this.#u.db.selectFrom('peers').select('name').where('merged_into', 'is', null).execute();
    return rows.map(({ name }) => name);
  }

  /** The names that are somebody's, in lower case. */
  async takenKeys(): Promise<Set<string>> {
    const rows = await this.#u.db.selectFrom('peers').select('name_key').execute();
    return new Set(rows.map(({ name_key }) => name_key));
  }

  async update(peer_id: string, changes: PeerChanges): Promise<PeerRecord> {
    const { db } = this.#u;
    const { summary, summary_source = 'agent', tags, status, status_message } = changes;
    if (summary !== undefined) {
      let update = db.updateTable('peers').set({ summary, summary_source }).where('id', '=', peer_id);
      // an automatic summary never replaces one that the agent wrote
      if (summary_source === 'auto') update = update.where('summary_source', '!=', 'agent');
      await update.execute();
    }
    const rest = {
      ...(tags === undefined ? {} : { tags: JSON.stringify([...new Set(tags)]) }),
      ...(status === undefined ? {} : { status, status_message: status_message ?? peerText('') }),
      ...(status === undefined && status_message !== undefined ? { status_message } : {}),
    };
    if (Object.keys(rest).length > 0) await db.updateTable('peers').set(rest).where('id', '=', peer_id).execute();
    const peer = await this.get(peer_id);
    new Events(this.#u).tell({ kind: 'peer.changed', peer_id, state: peer.status });
    return peer;
  }

  /** @returns undefined where another peer has the name */
  async rename(peer_id: string, name: string): Promise<PeerRecord | undefined> {
    const { db } = this.#u;
    const key = nameKey(name);
    const holder = await db.selectFrom('peers').select('id').where('name_key', '=', key).executeTakeFirst();
    if (holder && holder.id !== peer_id) return undefined;
    if (key === OPERATOR_NAME && (await this.get(peer_id)).kind !== 'human') return undefined;
    await db.updateTable('peers').set({ name, name_key: key }).where('id', '=', peer_id).execute();
    await rememberRename(this.#u, key, peer_id);
    new Events(this.#u).tell({ kind: 'peer.renamed', peer_id, state: name });
    return this.get(peer_id);
  }
}
