/** One database with a clock that the test moves, and the brokers that have it open. */
import type { Cursor } from '../../broker/store/events.ts';
import { type Engine, Store, type Unit } from '../../broker/store/store.ts';
import { type Effects, noEffects } from '../../broker/store/unit.ts';
import type { BrokerEvent } from '../../shared/contract/types.ts';

/** One database, wherever a driver keeps it. */
export interface StoreHost {
  /** Opens it, as one broker does; the first one makes it. Several may have it open. */
  open(now: number): Promise<Engine>;
  /** Removes it. */
  end(): Promise<void>;
}

/** A broker process: the database as it has it open, and its row among the instances. */
export interface Broker {
  readonly id: string;
  readonly store: Store;
}

export const LOG_START: Cursor = { xid: 0, seq: 0 };
export const DAY_MS = 24 * 60 * 60_000;
export const START = Date.UTC(2030, 0, 1, 12);
/** The machine of all brokers and sessions, and the process of each. */
export const HOST = 'host';
export const PID = 4242;

type Work<T> = (unit: Unit) => Promise<T>;

export class Brokers {
  readonly #host: StoreHost;
  now = START;
  readonly #running: Broker[] = [];
  /** To which everybody talks at the moment. */
  #broker: Broker | undefined;
  #last = 0;
  #news = noEffects();

  protected constructor(host: StoreHost) {
    this.#host = host;
  }

  id(prefix: string): string {
    this.#last += 1;
    return `${prefix}${String(this.#last).padStart(4, '0')}`;
  }

  pass(ms: number): void {
    this.now += ms;
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('no broker runs');
    return this.#broker;
  }

  get store(): Store {
    return this.broker.store;
  }

  /** One more opens the database. @param dead brokers whose end it has noticed */
  async startBroker(dead: readonly Broker[] = []): Promise<Broker> {
    const instance_id = this.id('broker-');
    const engine = await this.#host.open(this.now);
    const broker = { id: instance_id, store: new Store({ engine, instance_id, now: () => this.now }) };
    broker.store.onCommit((effects) => addTo(this.#news, effects));
    await broker.store.write(async (u) => {
      await bury(u, dead);
      await u.instances.start({ id: instance_id, host: HOST, pid: PID });
    });
    this.#running.push(broker);
    return broker;
  }

  /** Everybody talks to this one from now on. */
  use(broker: Broker): void {
    this.#broker = broker;
  }

  /** It goes in an orderly way. */
  async stopBroker(broker: Broker): Promise<void> {
    await broker.store.write((u) => bury(u, [broker]));
    await this.crashBroker(broker);
  }

  /** The broker in use notices that these have ended. */
  bury(dead: readonly Broker[]): Promise<void> {
    return this.write((u) => bury(u, dead));
  }

  /** Its process ends between two units of work. */
  async crashBroker(broker: Broker): Promise<void> {
    this.#running.splice(this.#running.indexOf(broker), 1);
    if (this.#broker === broker) this.#broker = this.#running[0];
    await broker.store.close();
  }

  /** The broker's process ends and another opens the same database. */
  async restart(): Promise<void> {
    const dead = this.broker;
    await this.crashBroker(dead);
    this.use(await this.startBroker([dead]));
  }

  async end(): Promise<void> {
    for (const { store } of this.#running) await store.close();
    await this.#host.end();
  }

  write<T>(work: Work<T>): Promise<T> {
    return this.store.write(work);
  }

  note<T>(work: Work<T>): Promise<T> {
    return this.store.note(work);
  }

  read<T>(look: Work<T>): Promise<T> {
    return this.store.read(look);
  }

  /** What commits of all brokers changed since this was asked last. */
  news(): Effects {
    const news = this.#news;
    this.#news = noEffects();
    return news;
  }

  /** The event log after that place, to its end. */
  async log(after: Cursor = LOG_START, of?: string): Promise<BrokerEvent[]> {
    return (await this.read((u) => u.events.after(after, 100_000, of))).events;
  }
}

function addTo(news: Effects, { events, wakes, handed, ended, moved }: Effects): void {
  news.events.push(...events);
  news.handed.push(...handed);
  for (const id of wakes) news.wakes.add(id);
  for (const id of ended) news.ended.add(id);
  for (const [id, peer_id] of moved) news.moved.set(id, peer_id);
}

/** These brokers are gone: whoever was attached to them has to attach again. */
async function bury(u: Unit, brokers: readonly Broker[]): Promise<void> {
  await u.sessions.detachAllOf(brokers.map(({ id }) => id));
  for (const { id } of brokers) await u.instances.remove(id);
}
