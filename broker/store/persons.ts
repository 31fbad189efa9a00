/** Persons: the humans whose agents these are. One machine has one, a network has many. */
import { peerText } from '../../shared/peer-text.ts';
import { freeName, nameKey, OPERATOR_NAME } from '../core/names.ts';
import type { PeerRecord } from './common.ts';
import { Peers } from './peers.ts';
import type { UnitOfWork } from './unit.ts';

export interface Person {
  readonly id: string;
  readonly name: string;
}

export class Persons {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Makes the person and the peer by which agents reach them, where they are missing. */
  async ensure(person: Person, host: string, peer_id_if_new: string): Promise<PeerRecord> {
    const { db, now } = this.#u;
    await db
      .insertInto('persons')
      .values({ ...person, created_at: now })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
    const peers = new Peers(this.#u);
    const known = await this.peerOf(person.id);
    if (known !== undefined) return peers.get(known);
    const taken = await peers.takenKeys();
    // the first is called by the word that agents are told to write to
    const name = taken.has(OPERATOR_NAME) ? freeName(person.name, (key) => taken.has(key)) : OPERATOR_NAME;
    await db
      .insertInto('peers')
      .values({
        id: peer_id_if_new,
        person_id: person.id,
        name,
        name_key: nameKey(name),
        kind: 'human',
        host: peerText(host),
        cwd: peerText(''),
        repo: peerText(''),
        branch: peerText(''),
        summary: peerText('The human. Reads mail with `agent-peers inbox`.'),
        summary_source: 'auto',
        tags: '[]',
        status: 'active',
        status_message: peerText(''),
        credential_hash: '',
        merged_into: null,
        created_at: now,
        last_seen_at: now,
      })
      .execute();
    return peers.get(peer_id_if_new);
  }

  /** The peer by which agents reach this person. */
  async peerOf(person_id: string): Promise<string | undefined> {
    const row = await this.#u.db
      .selectFrom('peers')
      .select('id')
      .where('person_id', '=', person_id)
      .where('kind', '=', 'human')
      .executeTakeFirst();
    return row?.id;
  }
}
