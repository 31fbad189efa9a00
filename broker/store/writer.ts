/**
 * Group commit. Units of work that wait at the same moment run in one transaction, in their order, and share its disk
 * sync; each is answered when all are on disk. If one of them fails, all are undone and run again one by one, so that no
 * unit suffers for another.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { insertAll } from './events.ts';
import { type Db, type Effects, type EngineName, noEffects } from './unit.ts';

/** Transactions of a database, as a driver runs them. */
export interface Transactions {
  readonly engine: EngineName;
  /** How many may run at a time. */
  readonly lanes: number;
  /** @param durable false: a power loss may undo it, a crash of the broker may not */
  transaction<T>(durable: boolean, work: (db: Db) => Promise<T>): Promise<T>;
  /** Another transaction was in the way: the same work may succeed when it is run again. */
  isPassing(error: unknown): boolean;
}

interface Pending {
  readonly durable: boolean;
  /** May run more than once. */
  run(db: Db, now: number, effects: Effects): Promise<unknown>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

const UNITS_MAX = 256;
const TRIES = 6;
const RETRY_MS = 5;

export interface WriterOptions {
  readonly transactions: Transactions;
  /** Wall clock, ms. */
  now(): number;
  /** Hears of what one commit changed, before those who wait for it. */
  committed(effects: Effects): void;
}

export class Writer {
  readonly #options: WriterOptions;
  #pending: Pending[] = [];
  #lanes = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Resolves when the unit is committed; rejects with what it threw, or with why it could not be committed. */
  submit<T>(durable: boolean, run: (db: Db, now: number, effects: Effects) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({ durable, run, resolve: resolve as (result: unknown) => void, reject });
      if (this.#lanes >= this.#options.transactions.lanes) return;
      this.#lanes += 1;
      // requests whose bytes are already here get into the same commit
      setImmediate(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, UNITS_MAX);
      try {
        await this.#commit(batch);
      } catch (error) {
        if (batch.length > 1) for (const unit of batch) await this.#commitAlone(unit);
        else await this.#commitAlone(batch[0] as Pending, error);
      }
      await new Promise(setImmediate);
    }
    this.#lanes -= 1;
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    const { transactions, now, committed } = this.#options;
    const durable = batch.some((unit) => unit.durable);
    const { results, effects } = await transactions.transaction(durable, async (db) => {
      const effects = noEffects();
      const results: unknown[] = [];
      const at = now();
      for (const unit of batch) results.push(await unit.run(db, at, effects));
      await insertAll(db, effects.events, at);
      return { results, effects };
    });
    committed(effects);
    for (const [i, { resolve }] of batch.entries()) resolve(results[i]);
  }

  /** @param failed what it failed with just now, alone */
  async #commitAlone(unit: Pending, failed?: unknown): Promise<void> {
    let failure = failed;
    for (let tries = failed === undefined ? 0 : 1; ; tries += 1) {
      if (tries > 0 && (tries >= TRIES || !this.#options.transactions.isPassing(failure))) return unit.reject(failure);
      if (tries > 0) await delay(RETRY_MS * tries * Math.random());
      try {
        return await this.#commit([unit]);
      } catch (error) {
        failure = error;
      }
    }
  }
}
