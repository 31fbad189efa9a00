/**
 * Any order of sends, leases, confirmations, lapses, crashes, restarts, requeues and retention, checked against a
 * model: no message is lost or counted twice, each is confirmed once, and none is new twice to the people who read it.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LEASE_MS, LEASED_PER_SENDER, ORPHAN_GRACE_MS, SESSION_EXPIRY_MS } from '../../shared/limits.ts';
import { sqliteHost } from './sqlite-host.ts';
import { DAY_MS, KEEP_ALL, type Member, World } from './world.ts';

const WEEK_MS = 7 * DAY_MS;
const HISTORY_MS = 30 * DAY_MS;
const PEOPLE = 3;
const RUNS = 60;
const STEPS = 100;
/** A slow machine does fewer runs, not longer ones. */
const TIME_LIMIT_MS = 18_000;

/** A process that serves a person: what it was handed, and what it lost the right to hold. */
interface Process {
  member: Member;
  /** The broker knows of a connection. */
  attached: boolean;
  /** The session still exists for the broker. */
  open: boolean;
  /** Handed to this process, with the time until which it alone has it. */
  readonly handed: Map<string, number>;
  /** Handed to it in answers that got lost. */
  readonly lost: Set<string>;
}

interface Letter {
  readonly id: string;
  owner: number;
  state: 'waiting' | 'confirmed' | 'given up' | 'forgotten';
  since: number;
  confirmed_at: number;
  /** The process that last got it and may have shown it to the model, since it came into this mailbox. */
  shown_by: string | undefined;
}

/** What should be. */
interface Model {
  readonly letters: Letter[];
  readonly keys: Map<string, string>;
}

/** What is. */
interface Real {
  readonly world: World;
  readonly processes: Process[];
}

type Step = fc.AsyncCommand<Model, Real>;

function at<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new Error('empty');
  return item;
}

function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, real) => {
      await run(model, real);
      await invariants(model, real);
    },
    toString: () => name,
  };
}

async function invariants(model: Model, { world }: Real): Promise<void> {
  const { waiting, confirmed, orphaned } = await world.store.counts(world.now);
  const count = (...states: Letter['state'][]) => model.letters.filter(({ state }) => states.includes(state)).length;
  expect(confirmed).toBe(count('confirmed'));
  expect(waiting + orphaned).toBe(count('waiting', 'given up'));
  expect(waiting + confirmed + orphaned).toBe(model.letters.length - count('forgotten'));
}

/** The process asks for what waits, and every promise about what it gets is checked. */
async function lease(model: Model, { world, processes }: Real, who: number, again: boolean): Promise<string[]> {
  const process = at(processes, who);
  const got = await world.lease(process.member, again);
  const ids = got.map(({ message_id }) => message_id);
  for (const { id, owner, state, shown_by } of model.letters) {
    if (!process.lost.delete(id) || got.length >= LEASED_PER_SENDER) continue;
    const isTheirs = owner === who && state === 'waiting' && shown_by === process.member.session.process;
    if (isTheirs) expect(ids, 'a lost answer comes again').toContain(id);
  }
  for (const { message_id, redelivered } of got) {
    const letter = model.letters.find(({ id }) => id === message_id);
    expect(letter, 'it was sent').toBeDefined();
    if (!letter) continue;
    expect(letter).toMatchObject({ owner: who, state: 'waiting' });
    const until = process.handed.get(message_id);
    // a second time only if asked for, or if the lease had lapsed
    if (until !== undefined && !again) expect(until).toBeLessThan(world.now);
    const process_id = process.member.session.process;
    expect(redelivered, `${message_id} shown by ${letter.shown_by}`).toBe(
      letter.shown_by !== undefined && letter.shown_by !== process_id,
    );
    letter.shown_by = process_id;
    process.handed.set(message_id, world.now + LEASE_MS);
  }
  return ids;
}

/** The process asks for what waits, and the answer does not reach it. */
async function loseAnswer(model: Model, { world, processes }: Real, who: number): Promise<void> {
  const process = at(processes, who);
  for (const { message_id } of await world.loseAnswer(process.member)) {
    const letter = model.letters.find(({ id }) => id === message_id);
    expect(letter).toMatchObject({ owner: who, state: 'waiting' });
    expect(process.handed.get(message_id) ?? 0, 'what arrived comes a second time').toBeLessThan(world.now);
    process.handed.delete(message_id);
    process.lost.add(message_id);
    // the broker cannot tell
    if (letter) letter.shown_by = process.member.session.process;
  }
}

async function confirm(model: Model, { world, processes }: Real, who: number, ids: readonly string[]): Promise<void> {
  const expected = model.letters.filter(
    ({ id, owner, state }) => owner === who && state === 'waiting' && ids.includes(id),
  );
  const confirmed = await world.confirm(at(processes, who).member, ids);
  expect([...confirmed].sort()).toEqual(expected.map(({ id }) => id).sort());
  for (const letter of expected) {
    letter.state = 'confirmed';
    letter.confirmed_at = world.now;
  }
}

/** Its client was started again. */
async function replace(real: Real, who: number): Promise<void> {
  const process = at(real.processes, who);
  const member = await real.world.rejoin(process.member);
  real.processes[who] = { member, attached: true, open: true, handed: new Map(), lost: new Set() };
}

async function giveUpLost({ world, processes }: Real): Promise<void> {
  const lost = await world.store.endDetachedBefore(world.now - SESSION_EXPIRY_MS, world.now);
  for (const process of processes) if (lost.includes(process.member.session.id)) process.open = false;
}

const who = fc.nat({ max: PEOPLE - 1 });
const some = fc.array(fc.nat({ max: 50 }), { maxLength: 5 });
const priority = fc.constantFrom('info', 'normal', 'warning', 'critical');

/** What happens most in life happens most here. */
const often: fc.Arbitrary<Step>[] = [
  fc
    .tuple(who, who, priority, fc.option(fc.constantFrom('key-a', 'key-b'), { nil: undefined }), fc.boolean())
    .map(([from, to, urgency, key, waits]) =>
      step(`send ${from} ${to} ${urgency} ${key}${waits ? ' waits' : ''}`, async (model, { world, processes }) => {
        const sender = at(processes, from).member;
        const recipient = at(processes, to);
        // a request waits only after it has looked, and that look would have brought what got lost
        const waiting = waits && recipient.open && recipient.lost.size === 0 ? [recipient.member] : [];
        const options = { priority: urgency, waiting, ...(key ? { key: `${key} ${to}` } : {}) };
        const sent = await world.trySend(sender, recipient.member.id, 'text', options);
        if (from === to) return expect(sent).toEqual({ ok: false, reason: 'to-self' });
        const known = key && model.keys.get(`${from} ${key} ${to}`);
        if (!sent.ok) {
          // of an earlier send that was forgotten only the key may be left
          const first = model.letters.find(({ id }) => id === known);
          return expect([first?.state, sent.reason]).toEqual(['forgotten', 'key-reused']);
        }
        const { message_id } = sent.record;
        expect(sent.fresh).toBe(model.letters.every(({ id }) => id !== message_id));
        if (!sent.fresh) return expect(message_id).toBe(known);
        if (key) model.keys.set(`${from} ${key} ${to}`, message_id);
        model.letters.push({
          id: message_id,
          owner: to,
          state: 'waiting',
          since: world.now,
          confirmed_at: 0,
          shown_by: sent.handed?.to.session.process,
        });
        if (!sent.handed) return;
        expect(sent.handed.to.session).toBe(waiting[0]?.session);
        recipient.handed.set(message_id, world.now + LEASE_MS);
      }),
    ),
  fc.tuple(who, fc.boolean()).map(([person, again]) =>
    step(`lease ${person}${again ? ' again' : ''}`, async (model, real) => {
      if (at(real.processes, person).open) await lease(model, real, person, again);
    }),
  ),
  who.map((person) =>
    step(`lease ${person}, and the answer gets lost`, async (model, real) => {
      if (at(real.processes, person).open) await loseAnswer(model, real, person);
    }),
  ),
  fc.tuple(who, some).map(([person, picks]) =>
    step(`confirm ${person} ${picks}`, async (model, real) => {
      const handed = [...at(real.processes, person).handed.keys()];
      if (handed.length > 0)
        await confirm(
          model,
          real,
          person,
          picks.map((pick) => at(handed, pick)),
        );
    }),
  ),
];

const seldom: fc.Arbitrary<Step>[] = [
  fc.tuple(who, some).map(([person, picks]) =>
    step(`confirm any ${person} ${picks}`, async (model, real) => {
      if (model.letters.length === 0) return;
      await confirm(
        model,
        real,
        person,
        picks.map((pick) => at(model.letters, pick).id),
      );
    }),
  ),
  fc
    .constantFrom(1, LEASE_MS + 1, ORPHAN_GRACE_MS, SESSION_EXPIRY_MS + 1, WEEK_MS + 1, HISTORY_MS + 1)
    .map((ms) => step(`pass ${ms}`, async (_, { world }) => world.pass(ms))),
  who.map((person) =>
    step(`renew ${person}`, async (model, { world, processes }) => {
      const { member, handed, open } = at(processes, person);
      if (!open) return;
      await world.store.renewLeases([member.session.id], world.now);
      for (const { id, owner, shown_by } of model.letters) {
        const holds = owner === person && shown_by === member.session.process;
        if (holds && handed.has(id)) handed.set(id, world.now + LEASE_MS);
      }
    }),
  ),
  who.map((person) =>
    step(`connection lost ${person}`, async (_, { world, processes }) => {
      const process = at(processes, person);
      await world.store.markDetached(process.member.session.id, world.now);
      process.attached = false;
    }),
  ),
  who.map((person) =>
    step(`connection back ${person}`, async (_, { world, processes }) => {
      const process = at(processes, person);
      if (!process.open) return;
      await world.store.markAttached(process.member.session.id, world.now);
      process.attached = true;
    }),
  ),
  who.map((person) => step(`client restarts ${person}`, async (_, real) => replace(real, person))),
  fc.tuple(who, some).map(([person, picks]) =>
    step(`close ${person} unseen ${picks}`, async (model, real) => {
      const { member, handed, open } = at(real.processes, person);
      if (!open) return;
      const held = [...handed.keys()].filter((id) =>
        model.letters.some((l) => l.id === id && l.state === 'waiting' && l.shown_by === member.session.process),
      );
      const unseen = held.length === 0 ? [] : picks.map((pick) => at(held, pick));
      await real.world.store.endSession(member.session.id, 'closed', unseen, real.world.now);
      for (const letter of model.letters) if (unseen.includes(letter.id)) letter.shown_by = undefined;
      await replace(real, person);
    }),
  ),
  fc.constant(
    step('broker restarts', async (_, { world, processes }) => {
      await world.restart();
      for (const process of processes) process.attached = false;
    }),
  ),
  fc.constant(step('sessions expire', async (_, real) => giveUpLost(real))),
  fc.tuple(fc.nat(), who).map(([pick, to]) =>
    step(`requeue message ${pick} to ${to}`, async (model, { world, processes }) => {
      if (model.letters.length === 0) return;
      const letter = at(model.letters, pick);
      const movable = letter.owner !== to && (letter.state === 'waiting' || letter.state === 'given up');
      const moved = await world.store.requeue({ message_id: letter.id }, at(processes, to).member.id, world.now);
      expect(moved).toEqual(movable ? [letter.id] : []);
      if (movable) Object.assign(letter, { owner: to, state: 'waiting', since: world.now, shown_by: undefined });
      if (movable) for (const { handed } of processes) handed.delete(letter.id);
    }),
  ),
  fc.tuple(who, who).map(([from, to]) =>
    step(`requeue orphans of ${from} to ${to}`, async (model, { world, processes }) => {
      const { orphans } = await world.store.listOrphans(world.now, WEEK_MS, 1_000);
      const source = at(processes, from);
      const theirs = orphans.filter((orphan) => orphan.to.id === source.member.id).map(({ message_id }) => message_id);
      // only what was given up is an orphan of somebody who is here
      const givenUp = model.letters.filter(({ owner, state }) => owner === from && state === 'given up');
      if (source.attached) expect(theirs).toEqual(givenUp.map(({ id }) => id));
      const moved = await world.store.requeue({ peer_id: source.member.id }, at(processes, to).member.id, world.now);
      expect(moved).toEqual(from === to ? [] : theirs);
      for (const letter of model.letters.filter(({ id }) => moved.includes(id))) {
        Object.assign(letter, { owner: to, state: 'waiting', since: world.now, shown_by: undefined });
        for (const { handed } of processes) handed.delete(letter.id);
      }
    }),
  ),
  fc.constant(
    step('retention', async (model, { world, processes }) => {
      const absent_before = world.now - ORPHAN_GRACE_MS;
      const seen = await Promise.all(processes.map(({ member }) => world.store.findPeer(member.id)));
      await world.store.applyRetention({
        ...KEEP_ALL,
        undelivered_before: world.now - WEEK_MS,
        absent_before,
        confirmed_before: world.now - HISTORY_MS,
        orphaned_before: world.now - WEEK_MS - HISTORY_MS,
      });
      for (const letter of model.letters) {
        const { state, since, confirmed_at } = letter;
        const owner = seen[letter.owner];
        const nobodyThere = owner?.online === false && owner.last_seen_at < absent_before;
        if (state === 'waiting' && since < world.now - WEEK_MS && nobodyThere) letter.state = 'given up';
        if (state === 'confirmed' && confirmed_at < world.now - HISTORY_MS) letter.state = 'forgotten';
        if (letter.state === 'given up' && since < world.now - WEEK_MS - HISTORY_MS) letter.state = 'forgotten';
      }
    }),
  ),
];

/** At the end everybody comes back and reads: what was neither given up nor read is there, and then nothing is left. */
async function readEverything(model: Model, real: Real): Promise<void> {
  for (let person = 0; person < PEOPLE; person += 1) {
    await replace(real, person);
    for (;;) {
      const got = await lease(model, real, person, false);
      if (got.length === 0) break;
      await confirm(model, real, person, got);
    }
  }
  expect(model.letters.filter(({ state }) => state === 'waiting')).toEqual([]);
  await invariants(model, real);
}

it('keeps the mailbox whole in any order of events', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands([...often, ...often, ...often, ...seldom], { maxCommands: STEPS, size: 'max' }),
      async (commands) => {
        const world = await World.create(sqliteHost());
        try {
          const processes: Process[] = [];
          for (let person = 0; person < PEOPLE; person += 1) {
            const member = await world.join(`person-${person}`);
            processes.push({ member, attached: true, open: true, handed: new Map(), lost: new Set() });
          }
          const model: Model = { letters: [], keys: new Map() };
          const real: Real = { world, processes };
          await fc.asyncModelRun(() => ({ model, real }), commands);
          await readEverything(model, real);
        } finally {
          await world.end();
        }
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false },
  );
});
