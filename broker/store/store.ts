/**
 * What the broker keeps, in the product's words. A unit of work sees one object for each capability; what it does
 * through them commits together, with the events it tells.
 */
import type { PeersError } from '../../shared/errors.ts';
import { Events } from './events.ts';
import { IdleWatches } from './idle-watches.ts';
import { Instances } from './instances.ts';
import { Mailbox } from './mailbox.ts';
import { MailboxRoom } from './mailbox-room.ts';
import { Messages } from './messages.ts';
import { Orphans } from './orphans.ts';
import { Peers } from './peers.ts';
import { Persons } from './persons.ts';
import { Registering } from './registering.ts';
import { Retention } from './retention.ts';
import { Sending } from './sending.ts';
import { Sessions } from './sessions.ts';
import { type Db, type Effects, type EngineName, noEffects, type UnitOfWork } from './unit.ts';
import { type Transactions, Writer } from './writer.ts';

export interface DatabaseFacts {
  /** Its name, such as `node:sqlite`. */
  readonly driver: string;
  /** Its size on disk. */
  readonly bytes: number;
  /** Number of the newest migration. */
  readonly schema: number;
  /** Kept prepared: bounded, whatever was asked. */
  readonly statements: number;
}

/** A database as a driver opens it. */
export interface Engine extends Transactions {
  /** Looks, without a transaction. */
  read<T>(look: (db: Db) => Promise<T>): Promise<T>;
  /** Says in the product's terms what the driver failed at. */
  fail(thrown: unknown): PeersError;
  facts(): Promise<DatabaseFacts>;
  close(): Promise<void>;
}

/** One unit of work. The objects are made when they are first used: most units need one or two. */
export class Unit implements UnitOfWork {
  readonly db: Db;
  readonly engine: EngineName;
  readonly now: number;
  readonly instance_id: string;
  readonly effects: Effects;
  readonly #room: MailboxRoom;

  constructor(of: Omit<UnitOfWork, 'wake'>, room: MailboxRoom) {
    this.db = of.db;
    this.engine = of.engine;
    this.now = of.now;
    this.instance_id = of.instance_id;
    this.effects = of.effects;
    this.#room = room;
  }

  get persons(): Persons {
    return new Persons(this);
  }
  get instances(): Instances {
    return new Instances(this);
  }
  get peers(): Peers {
    return new Peers(this);
  }
  get registering(): Registering {
    return new Registering(this);
  }
  get sessions(): Sessions {
    return new Sessions(this);
  }
  get mailbox(): Mailbox {
    return new Mailbox(this);
  }
  get sending(): Sending {
    return new Sending(this, this.#room);
  }
  get messages(): Messages {
    return new Messages(this);
  }
  get orphans(): Orphans {
    return new Orphans(this);
  }
  get idleWatches(): IdleWatches {
    return new IdleWatches(this);
  }
  get events(): Events {
    return new Events(this);
  }
  get retention(): Retention {
    return new Retention(this);
  }
}

export interface StoreOptions {
  readonly engine: Engine;
  readonly instance_id: string;
  /** Wall clock, ms. */
  now(): number;
}

export class Store {
  readonly instance_id: string;
  readonly #engine: Engine;
  readonly #now: () => number;
  readonly #writer: Writer;
  readonly #room = new MailboxRoom();
  readonly #listeners = new Set<(effects: Effects) => void>();

  constructor({ engine, instance_id, now }: StoreOptions) {
    this.instance_id = instance_id;
    this.#engine = engine;
    this.#now = now;
    this.#writer = new Writer({
      transactions: engine,
      now,
      committed: (effects) => {
        for (const listener of this.#listeners) listener(effects);
      },
    });
  }

  /** Calls back with what each commit of this broker changed, before those who wait for the commit. @returns ends that */
  onCommit(listener: (effects: Effects) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A unit of work that is on disk when the promise resolves. `work` may run more than once; only the last run counts.
   * @throws PeersError what `work` threw, or why it could not be stored
   */
  write<T>(work: (unit: Unit) => Promise<T>): Promise<T> {
    return this.#submit(true, work);
  }

  /**
   * A unit that power loss may undo, since then it only happens again: leases, notes on pushes, presence, confirmations.
   * It does not wait for the disk; a killed broker loses none of it.
   */
  note<T>(work: (unit: Unit) => Promise<T>): Promise<T> {
    return this.#submit(false, work);
  }

  /** Looks, without a transaction: several answers need not be of the same moment. */
  async read<T>(look: (unit: Unit) => Promise<T>): Promise<T> {
    try {
      return await this.#engine.read((db) => look(this.#unit(db, this.#now(), noEffects())));
    } catch (error) {
      throw this.#engine.fail(error);
    }
  }

  facts(): Promise<DatabaseFacts> {
    return this.#engine.facts();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #unit(db: Db, now: number, effects: Effects): Unit {
    const { engine } = this.#engine;
    return new Unit({ db, engine, now, instance_id: this.instance_id, effects }, this.#room);
  }

  async #submit<T>(durable: boolean, work: (unit: Unit) => Promise<T>): Promise<T> {
    try {
      return await this.#writer.submit(durable, (db, now, effects) => work(this.#unit(db, now, effects)));
    } catch (error) {
      throw this.#engine.fail(error);
    }
  }
}
