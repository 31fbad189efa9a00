/** What should become of every message in every mailbox, beside the real store with its brokers and processes. */
import { expect } from 'vitest';
import type { NewEvent } from '../../broker/store/events.ts';
import { formatCursor, parseCursor } from '../../broker/store/events.ts';
import type { Sent } from '../../broker/store/sending.ts';
import type { Effects } from '../../broker/store/unit.ts';
import { LEASE_MS, LEASED_PER_SENDER } from '../../shared/limits.ts';
import { sqliteHost } from './sqlite-host.ts';
import { type Broker, LOG_START, type Member, type SendOptions, World } from './world.ts';

export const BROKERS = 2;

/** A process that serves a person: what it was handed, and what it lost the right to hold. */
export interface Process {
  member: Member;
  /** To which it talks. */
  broker: Broker;
  /** The broker that the store has it attached to: not always the one that it talks to, which may have just started. */
  attached_to: Broker | undefined;
  /** The session still exists for the broker. */
  open: boolean;
  /** Handed to this process, with the time until which it alone has it. */
  readonly handed: Map<string, number>;
  /** Handed to it in answers that got lost. */
  readonly lost: Set<string>;
  /** Pushed by it: it knows of these. */
  readonly pushed: Set<string>;
}

/** One message in one mailbox. */
export interface Letter {
  readonly id: string;
  /** Whom the sender named. */
  readonly first: number;
  owner: number;
  state: 'waiting' | 'confirmed' | 'given up' | 'forgotten' | 'merged';
  since: number;
  confirmed_at: number;
  /** The process that last got it and may have shown it to the model, since it came into this mailbox. */
  shown_by: string | undefined;
  /** The log says that nobody is there to take it. */
  told: boolean;
}

/** Somebody who follows the event log: everything, or what concerns one peer. */
interface Reader {
  readonly of: number | undefined;
  cursor: string;
  readonly seen: NewEvent[];
}

interface SendHow extends Pick<SendOptions, 'key' | 'priority'> {
  readonly waiting: readonly number[];
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('empty');
  return item;
}

function processOf(member: Member, broker: Broker): Process {
  const none = { handed: new Map(), lost: new Set<string>(), pushed: new Set<string>() };
  return { member, broker, attached_to: broker, open: true, ...none };
}

/** What should be, in `letters` and `keys`, and what is. */
export class Mail {
  readonly letters: Letter[] = [];
  /** What was first sent with an idempotency key. */
  readonly keys = new Map<string, string>();
  readonly world: World;
  readonly brokers: Broker[];
  /** Brokers that ended, which nobody has noticed yet. */
  readonly dead: Broker[] = [];
  readonly processes: Process[] = [];
  /** Sessions that are over, and do not know it. */
  readonly ghosts: Member[] = [];
  readonly readers: Reader[];
  /** All that commits told, in their order. */
  readonly events: NewEvent[] = [];

  private constructor(world: World, brokers: Broker[], people: number) {
    this.world = world;
    this.brokers = brokers;
    const whose = [undefined, ...Array.from({ length: people }, (_, i) => i)];
    this.readers = whose.map((of) => ({ of, cursor: formatCursor(LOG_START), seen: [] }));
  }

  static async open(people: number): Promise<Mail> {
    const world = await World.create(sqliteHost());
    const brokers = [world.broker];
    while (brokers.length < BROKERS) brokers.push(await world.startBroker());
    const mail = new Mail(world, brokers, people);
    for (let person = 0; person < people; person += 1) {
      const broker = at(brokers, person);
      world.use(broker);
      mail.processes.push(processOf(await world.join(`person-${person}`), broker));
    }
    return mail;
  }

  /** The process of this person, whose broker is in use from now on. */
  process(who: number): Process {
    const process = at(this.processes, who);
    this.world.use(process.broker);
    return process;
  }

  /** The entries of a message that the store still has. */
  kept(message_id: string | undefined): Letter[] {
    return this.letters.filter(({ id, state }) => id === message_id && state !== 'forgotten' && state !== 'merged');
  }

  letter(message_id: string, who: number): Letter | undefined {
    return this.kept(message_id).find(({ owner }) => owner === who);
  }

  waiting(who: number): Letter[] {
    return this.letters.filter(({ owner, state }) => owner === who && state === 'waiting');
  }

  /** What commits changed since the last look. */
  news(): Effects {
    const news = this.world.news();
    this.events.push(...news.events);
    return news;
  }

  /** What counts show. */
  async check(): Promise<void> {
    this.news();
    const { waiting, confirmed, orphaned } = await this.world.counts();
    const count = (...states: Letter['state'][]) => this.letters.filter(({ state }) => states.includes(state)).length;
    expect(confirmed).toBe(count('confirmed'));
    expect(waiting + orphaned).toBe(count('waiting', 'given up'));
    expect(waiting + confirmed + orphaned).toBe(this.letters.length - count('forgotten', 'merged'));
  }

  /** The person writes to these; those of them who wait at the same broker may be handed it at once. */
  async send(from: number, to: readonly number[], options: SendHow) {
    const { world, processes, keys } = this;
    const sender = this.process(from);
    const named = [...new Set(to)].filter((who) => who !== from);
    const known = options.key === undefined ? undefined : keys.get(options.key);
    // a request waits only after it has looked, and that look would have brought what got lost
    const hears = ({ open, broker, lost }: Process) => open && broker === sender.broker && lost.size === 0;
    const waiting = options.waiting.map((who) => at(processes, who)).filter(hears);
    const ids = to.map((who) => at(processes, who).member.id);
    const sent = await world.trySend(sender.member, ids, 'text', {
      ...options,
      waiting: waiting.map(({ member }) => member),
    });
    if (!sender.open) return expect(sent).toEqual({ ok: false, reason: 'session-ended' });
    if (named.length === 0) return expect(sent).toEqual({ ok: false, reason: 'to-self' });
    if (!sent.ok) {
      // of an earlier send that was forgotten only the key may be left
      return expect([known === undefined, this.kept(known), sent.reason]).toEqual([false, [], 'key-reused']);
    }
    expect(sent.fresh).toBe(this.letters.every(({ id }) => id !== sent.message_id));
    if (!sent.fresh) return this.#isRepeated(sent, named, known);
    if (options.key !== undefined) keys.set(options.key, sent.message_id);
    this.#isNew(sent, named);
  }

  #isRepeated(sent: Extract<Sent, { ok: true }>, named: readonly number[], known: string | undefined): void {
    expect(sent.message_id).toBe(known);
    const kept = this.kept(known);
    const idOf = (who: number) => at(this.processes, who).member.id;
    expect(sent.to.map(({ record }) => record.to.id).sort()).toEqual(kept.map(({ owner }) => idOf(owner)).sort());
    expect(sent.to.map(({ handed }) => handed)).toEqual(sent.to.map(() => false));
    const without = named.filter((who) => kept.every(({ first, owner }) => first !== who && owner !== who));
    expect(sent.without.map(({ id }) => id).sort()).toEqual(without.map(idOf).sort());
  }

  #isNew(sent: Extract<Sent, { ok: true }>, named: readonly number[]): void {
    const { processes, letters, world } = this;
    expect(sent.without).toEqual([]);
    expect(sent.to.map(({ record }) => record.to.id)).toEqual(named.map((who) => at(processes, who).member.id));
    const news = this.news();
    for (const [i, owner] of named.entries()) {
      const process = at(processes, owner);
      const given = news.handed.filter(({ to }) => to.session.peer_id === process.member.id);
      expect(given.map(({ message }) => message.message_id)).toEqual(sent.to[i]?.handed ? [sent.message_id] : []);
      const [handed] = given;
      if (handed) {
        expect(handed.to.session).toBe(process.member.session);
        process.handed.set(sent.message_id, world.now + LEASE_MS);
      }
      letters.push({
        id: sent.message_id,
        first: owner,
        owner,
        state: 'waiting',
        since: world.now,
        confirmed_at: 0,
        shown_by: handed?.to.session.process,
        told: false,
      });
    }
  }

  /** The process asks for what waits, and every promise about what it gets is checked. */
  async lease(who: number, again: boolean): Promise<string[]> {
    const process = this.process(who);
    const got = await this.world.lease(process.member, again);
    const ids = got.map(({ message_id }) => message_id);
    const process_id = process.member.session.process;
    for (const { id, shown_by } of this.waiting(who)) {
      if (!process.lost.has(id) || got.length >= LEASED_PER_SENDER) continue;
      if (shown_by === process_id && !process.pushed.has(id)) expect(ids, 'a lost answer comes again').toContain(id);
    }
    process.lost.clear();
    for (const { message_id, redelivered } of got) {
      const letter = this.#got(process, who, message_id);
      const until = process.handed.get(message_id);
      // a second time only if asked for, or if the lease had lapsed
      if (until !== undefined && !again) expect(until).toBeLessThan(this.world.now);
      expect(redelivered, `${message_id} shown by ${letter.shown_by}`).toBe(
        letter.shown_by !== undefined && letter.shown_by !== process_id,
      );
      letter.shown_by = process_id;
      process.handed.set(message_id, this.world.now + LEASE_MS);
    }
    return ids;
  }

  /** The process asks for what waits, and the answer does not reach it. */
  async loseAnswer(who: number): Promise<void> {
    const process = this.process(who);
    for (const { message_id } of await this.world.loseAnswer(process.member)) {
      const letter = this.#got(process, who, message_id);
      expect(process.handed.get(message_id) ?? 0, 'what arrived comes a second time').toBeLessThan(this.world.now);
      process.lost.add(message_id);
      // the broker cannot tell
      letter.shown_by = process.member.session.process;
    }
  }

  #got(process: Process, who: number, message_id: string): Letter {
    const letter = this.letter(message_id, who);
    if (!letter) throw new Error(`${message_id} was never sent to ${who}`);
    expect(letter.state).toBe('waiting');
    expect([...process.pushed], 'what was pushed is known').not.toContain(message_id);
    letter.told = false;
    return letter;
  }

  async push(who: number, ids: readonly string[]): Promise<void> {
    const process = this.process(who);
    const held = this.waiting(who).filter(({ id }) => ids.includes(id) && process.handed.has(id));
    const noted = await this.world.notePush(process.member, ids, 'channel');
    expect([...noted].sort()).toEqual(process.open ? held.map(({ id }) => id).sort() : []);
    for (const id of noted) process.pushed.add(id);
  }

  async confirm(who: number, ids: readonly string[]): Promise<void> {
    const process = this.process(who);
    const expected = process.open ? this.waiting(who).filter(({ id }) => ids.includes(id)) : [];
    const confirmed = await this.world.confirm(process.member, ids);
    expect([...confirmed].sort()).toEqual(expected.map(({ id }) => id).sort());
    for (const letter of expected) {
      letter.state = 'confirmed';
      letter.confirmed_at = this.world.now;
    }
  }

  /** Its client was started again, and its session has another broker, perhaps. */
  async replace(who: number, broker = this.process(who).broker): Promise<void> {
    const { member } = at(this.processes, who);
    this.world.use(broker);
    this.ghosts.push(member);
    this.processes[who] = processOf(await this.world.rejoin(member), broker);
  }

  /** A message moved to another mailbox, which may have it already. */
  move(letter: Letter, to: number): void {
    const again = { state: 'waiting', since: this.world.now, shown_by: undefined, told: false } as const;
    const there = this.letter(letter.id, to);
    this.#forget(letter);
    if (there && there.state !== 'given up') return void Object.assign(letter, { state: 'merged' });
    if (there) Object.assign(letter, { state: 'merged' });
    const arrived = Object.assign(there ?? letter, again, { owner: to });
    this.#forget(arrived);
  }

  /** Whoever serves its owner has it no more, or as if for the first time. */
  #forget({ id, owner }: Letter): void {
    const { handed, lost, pushed } = at(this.processes, owner);
    handed.delete(id);
    lost.delete(id);
    pushed.delete(id);
  }

  /** Each reader goes on from its place in the log, by pages. */
  async readOn(limit: number): Promise<void> {
    for (const reader of this.readers) {
      const cursor = parseCursor(reader.cursor);
      if (!cursor) throw new Error(`${reader.cursor} is no cursor`);
      const of = reader.of === undefined ? undefined : at(this.processes, reader.of).member.id;
      const { events, upTo } = await this.world.read((u) => u.events.after(cursor, limit, of));
      reader.seen.push(...events);
      reader.cursor = formatCursor(upTo);
    }
  }

  /** Nobody missed anything, or got anything twice, and the log says who is there. */
  async checkLog(): Promise<void> {
    await this.readOn(100_000);
    const plain = ({ kind, peer_id, other_id = null, message_id = null, state = null }: NewEvent) =>
      [kind, peer_id, other_id, message_id, state].join();
    for (const { of, seen } of this.readers) {
      const id = of === undefined ? undefined : at(this.processes, of).member.id;
      const concerns = ({ peer_id, other_id }: NewEvent) => id === undefined || peer_id === id || other_id === id;
      expect(seen.map(plain)).toEqual(this.events.filter(concerns).map(plain));
    }
    const online = new Map<string, boolean>();
    for (const { kind, peer_id } of this.events) {
      if (kind !== 'peer.online' && kind !== 'peer.offline') continue;
      expect(online.get(peer_id) ?? false, `${peer_id} came or left twice`).toBe(kind === 'peer.offline');
      online.set(peer_id, kind === 'peer.online');
    }
    for (const { id, online: isOnline } of await this.world.listPeers({ include_offline: true }))
      expect(online.get(id) ?? false).toBe(isOnline);
  }

  end(): Promise<void> {
    return this.world.end();
  }
}
