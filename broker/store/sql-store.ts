/** The {@link Store} over Kysely: each call runs its queries in one transaction and speaks of failures in the product's terms. */
import type { CompiledQuery, Kysely } from 'kysely';
import type { PeersError } from '../../shared/errors.ts';
import type { Guard } from './guard.ts';
import type { Database } from './schema.ts';
import type { Db } from './sql/common.ts';
import * as idleWatches from './sql/idle-watches.ts';
import * as mailbox from './sql/mailbox.ts';
import { MailboxRoom } from './sql/mailbox-room.ts';
import * as messages from './sql/messages.ts';
import * as operator from './sql/operator.ts';
import * as orphans from './sql/orphans.ts';
import * as peers from './sql/peers.ts';
import * as registering from './sql/registering.ts';
import * as retention from './sql/retention.ts';
import * as sending from './sql/sending.ts';
import * as sessions from './sql/sessions.ts';
import type { DatabaseFacts, Store } from './store.ts';

export interface SqlStoreOptions {
  /** Refuses once what is committed would be lost. */
  readonly guard: Pick<Guard, 'assertUsable' | 'assertInPlace' | 'loss' | 'close'>;
  /** Names a driver's failure. */
  fail(thrown: unknown): PeersError;
  facts(): Promise<DatabaseFacts>;
  /** Commits on this connection need not wait for the disk; and again they must. */
  readonly relax: CompiledQuery;
  readonly restore: CompiledQuery;
}

export class SqlStore implements Store {
  readonly #db: Kysely<Database>;
  readonly #options: SqlStoreOptions;
  readonly #room = new MailboxRoom();

  constructor(db: Kysely<Database>, options: SqlStoreOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** Reads and writes that belong together. */
  #write<T>(work: (trx: Db) => Promise<T>): Promise<T> {
    return this.#run(async () => {
      const result = await this.#db.transaction().execute(work);
      this.#options.guard.assertInPlace();
      return result;
    });
  }

  /** Speaks of failures in the product's terms, and of the database that is gone before all else. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    const { guard, fail } = this.#options;
    guard.assertUsable();
    try {
      const result = await work();
      // it may have been saved meanwhile, without what was just noted
      guard.assertUsable();
      return result;
    } catch (error) {
      throw guard.loss ?? fail(error);
    }
  }

  /** A write that brings mail into mailboxes by another way than sending. */
  #move<T>(work: (trx: Db) => Promise<T>): Promise<T> {
    return this.#write(async (trx) => {
      const result = await work(trx);
      // before the next transaction can begin
      this.#room.forget();
      return result;
    });
  }

  /**
   * A write that power loss may undo, since then it only happens again: leases, notes on pushes, presence,
   * confirmations. It does not wait for the disk; a killed broker loses none of it.
   */
  #note<T>(work: (trx: Db) => Promise<T>): Promise<T> {
    const { relax, restore } = this.#options;
    return this.#run(() =>
      this.#db.connection().execute(async (connection) => {
        await connection.executeQuery(relax);
        try {
          return await connection.transaction().execute(work);
        } finally {
          await connection.executeQuery(restore);
        }
      }),
    );
  }

  /** One query, or several whose answers need not be of the same moment. */
  #read<T>(work: (db: Db) => Promise<T>): Promise<T> {
    return this.#run(() => work(this.#db));
  }

  registerSession: Store['registerSession'] = (r, now) => this.#write((db) => registering.registerSession(db, r, now));
  bindConversation: Store['bindConversation'] = (binding, now) =>
    this.#move((db) => registering.bindConversation(db, binding, now));
  findSession: Store['findSession'] = (hash) => this.#read((db) => sessions.findSession(db, hash));
  updateSession: Store['updateSession'] = (id, changes) => this.#note((db) => sessions.updateSession(db, id, changes));
  markAttached: Store['markAttached'] = (id, now) => this.#note((db) => sessions.markAttached(db, id, now));
  markDetached: Store['markDetached'] = (id, now) => this.#note((db) => sessions.markDetached(db, id, now));
  endSession: Store['endSession'] = (id, reason, unseen, now) =>
    this.#write((db) => sessions.endSession(db, id, reason, unseen, now));
  detachAll: Store['detachAll'] = (now) => this.#write((db) => sessions.detachAll(db, now));
  endDetachedBefore: Store['endDetachedBefore'] = (cut, now) =>
    this.#write((db) => sessions.endDetachedBefore(db, cut, now));

  operatorPeer: Store['operatorPeer'] = (id, host, now) => this.#write((db) => peers.operatorPeer(db, id, host, now));
  findPeer: Store['findPeer'] = (ref) => this.#read((db) => peers.findPeer(db, ref));
  listPeers: Store['listPeers'] = (options) => this.#read((db) => peers.listPeers(db, options));
  peerNames: Store['peerNames'] = () => this.#read((db) => peers.peerNames(db));
  updatePeer: Store['updatePeer'] = (id, changes) => this.#write((db) => peers.updatePeer(db, id, changes));
  renamePeer: Store['renamePeer'] = (id, name) => this.#write((db) => peers.renamePeer(db, id, name));

  watchIdle: Store['watchIdle'] = (peer, watcher, now) =>
    this.#write((db) => idleWatches.watchIdle(db, peer, watcher, now));
  idleWatches: Store['idleWatches'] = (peer) => this.#read((db) => idleWatches.idleWatches(db, peer));
  endIdleWatch: Store['endIdleWatch'] = (watch) => this.#write((db) => idleWatches.endIdleWatch(db, watch));

  sendMessages: Store['sendMessages'] = (outgoing, now, waiting = () => undefined) =>
    this.#write((db) => sending.sendMessages(db, outgoing, { room: this.#room, waiting, now }));
  findMessage: Store['findMessage'] = (id) => this.#read((db) => messages.findMessage(db, id));

  leaseNext: Store['leaseNext'] = async (session, request, now) =>
    (await this.#read((db) => mailbox.hasNext(db, session, request, now)))
      ? this.#note((db) => mailbox.leaseNext(db, session, request, now))
      : [];
  peekMailbox: Store['peekMailbox'] = (id, limit) => this.#read((db) => mailbox.peekMailbox(db, id, limit));
  renewLeases: Store['renewLeases'] = (ids, now) => this.#note((db) => mailbox.renewLeases(db, ids, now));
  confirm: Store['confirm'] = (id, confirmations, now) =>
    this.#note((db) => mailbox.confirm(db, id, confirmations, now));
  notePush: Store['notePush'] = (session, ids, route, error, now) =>
    this.#note((db) => mailbox.notePush(db, session, ids, route, error, now));
  unread: Store['unread'] = (id) => this.#read((db) => mailbox.unread(db, id));
  listOrphans: Store['listOrphans'] = (now, undelivered, limit) =>
    this.#read((db) => orphans.listOrphans(db, now, undelivered, limit));
  requeue: Store['requeue'] = (what, to, now) => this.#move((db) => orphans.requeue(db, what, to, now));

  recentMessages: Store['recentMessages'] = (after, limit) =>
    this.#read((db) => operator.recentMessages(db, after, limit));
  peerOfConversation: Store['peerOfConversation'] = (conversation) =>
    this.#read((db) => operator.peerOfConversation(db, conversation));

  counts: Store['counts'] = (now) => this.#read((db) => retention.counts(db, now));
  facts: Store['facts'] = () => this.#options.facts();
  applyRetention: Store['applyRetention'] = (cuts) => this.#write((db) => retention.applyRetention(db, cuts));
  close: Store['close'] = () => this.#options.guard.close();
}
