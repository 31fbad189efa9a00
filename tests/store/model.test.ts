/**
 * Any order of sends to one or several, leases, pushes, confirmations, lapses, crashes, restarts, requeues and retention,
 * by way of two brokers on one database, checked against a model: no message is lost or counted twice, each is confirmed
 * once by each of its recipients, none is new twice to the people who read it, a session that is over changes nothing,
 * and the event log tells all of it, once.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LEASE_MS, ORPHAN_GRACE_MS, SESSION_EXPIRY_MS } from '../../shared/limits.ts';
import { at, BROKERS, Mail } from './mail-model.ts';
import { DAY_MS } from './world.ts';

const WEEK_MS = 7 * DAY_MS;
const HISTORY_MS = 30 * DAY_MS;
const PEOPLE = 3;
const RUNS = 60;
const STEPS = 100;
/** A slow machine does fewer runs, not longer ones. */
const TIME_LIMIT_MS = 18_000;

type Step = fc.AsyncCommand<object, Mail>;

function step(name: string, run: (mail: Mail) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (_, mail) => {
      await run(mail);
      await mail.check();
    },
    toString: () => name,
  };
}

const who = fc.nat({ max: PEOPLE - 1 });
const people = fc.array(who, { minLength: 1, maxLength: PEOPLE + 1 });
const some = fc.array(fc.nat({ max: 50 }), { maxLength: 5 });
const priority = fc.constantFrom('info', 'normal', 'warning', 'critical');
const brokerIndex = fc.nat({ max: BROKERS - 1 });

/** Ids of letters that this process was handed. */
function handedTo(mail: Mail, person: number, picks: readonly number[]): string[] {
  const handed = [...at(mail.processes, person).handed.keys()];
  return handed.length === 0 ? [] : picks.map((pick) => at(handed, pick));
}

/** What happens most in life happens most here. */
const often: fc.Arbitrary<Step>[] = [
  fc
    .tuple(who, people, priority, fc.option(fc.constantFrom('key-a', 'key-b'), { nil: undefined }), fc.boolean())
    .map(([from, to, urgency, key, waits]) =>
      step(`send ${from} ${to} ${urgency} ${key}${waits ? ' waits' : ''}`, (mail) =>
        mail.send(from, to, {
          priority: urgency,
          waiting: waits ? to : [],
          ...(key ? { key: `${key} ${from} ${[...new Set(to)].sort()}` } : {}),
        }),
      ),
    ),
  fc.tuple(who, fc.boolean()).map(([person, again]) =>
    step(`lease ${person}${again ? ' again' : ''}`, async (mail) => {
      if (mail.process(person).open) await mail.lease(person, again);
    }),
  ),
  who.map((person) =>
    step(`lease ${person}, and the answer gets lost`, async (mail) => {
      if (mail.process(person).open) await mail.loseAnswer(person);
    }),
  ),
  fc
    .tuple(who, some)
    .map(([person, picks]) =>
      step(`confirm ${person} ${picks}`, (mail) => mail.confirm(person, handedTo(mail, person, picks))),
    ),
  fc
    .tuple(who, some)
    .map(([person, picks]) =>
      step(`push ${person} ${picks}`, (mail) => mail.push(person, handedTo(mail, person, picks))),
    ),
];

const seldom: fc.Arbitrary<Step>[] = [
  fc.tuple(who, some).map(([person, picks]) =>
    step(`confirm any ${person} ${picks}`, async (mail) => {
      const ids = mail.letters.map(({ id }) => id);
      if (ids.length > 0)
        await mail.confirm(
          person,
          picks.map((pick) => at(ids, pick)),
        );
    }),
  ),
  fc
    .constantFrom(1, LEASE_MS + 1, ORPHAN_GRACE_MS, SESSION_EXPIRY_MS + 1, WEEK_MS + 1, HISTORY_MS + 1)
    .map((ms) => step(`pass ${ms}`, async ({ world }) => world.pass(ms))),
  who.map((person) =>
    step(`renew ${person}`, async (mail) => {
      const { member, handed, open } = mail.process(person);
      await mail.world.renew(member);
      for (const { id, shown_by } of mail.waiting(person)) {
        const holds = open && shown_by === member.session.process;
        if (holds && handed.has(id)) handed.set(id, mail.world.now + LEASE_MS);
      }
    }),
  ),
  who.map((person) =>
    step(`connection lost ${person}`, async (mail) => {
      const process = mail.process(person);
      const was = process.open && process.attached_to === process.broker;
      expect(await mail.world.detach(process.member)).toBe(was ? process.member.id : undefined);
      if (was) process.attached_to = undefined;
    }),
  ),
  fc.tuple(who, brokerIndex, fc.boolean()).map(([person, b, late]) =>
    step(`connection back ${person} at ${b}${late ? ', and a late end of the one before' : ''}`, async (mail) => {
      const process = mail.process(person);
      const { member, broker: before, open } = process;
      const earlier = mail.world.attachmentOf(member);
      process.broker = at(mail.brokers, b);
      const { world } = mail;
      world.use(process.broker);
      const attachment = await world.attach(member);
      expect(attachment !== undefined).toBe(open);
      if (open) process.attached_to = process.broker;
      world.use(before);
      if (late) expect(await world.detach(member, earlier)).toBe(undefined);
    }),
  ),
  fc
    .tuple(who, brokerIndex)
    .map(([person, b]) =>
      step(`client restarts ${person} at ${b}`, (mail) => mail.replace(person, at(mail.brokers, b))),
    ),
  fc.tuple(who, some).map(([person, picks]) =>
    step(`close ${person} unseen ${picks}`, async (mail) => {
      const { member, handed, open } = mail.process(person);
      if (!open) return;
      const held = mail
        .waiting(person)
        .filter(({ id, shown_by }) => handed.has(id) && shown_by === member.session.process);
      const unseen = held.length === 0 ? [] : picks.map((pick) => at(held, pick));
      await mail.world.endSession(
        member,
        'closed',
        unseen.map(({ id }) => id),
      );
      for (const letter of unseen) letter.shown_by = undefined;
      await mail.replace(person);
    }),
  ),
  fc.tuple(fc.nat(), some).map(([pick, picks]) =>
    step(`a session that is over tries ${pick} ${picks}`, async (mail) => {
      if (mail.ghosts.length === 0) return;
      const { world } = mail;
      const ghost = at(mail.ghosts, pick);
      const ids = picks.flatMap((i) => (mail.letters.length === 0 ? [] : [at(mail.letters, i).id]));
      world.use(at(mail.brokers, pick));
      expect(await world.lease(ghost, true)).toEqual([]);
      expect(await world.confirm(ghost, ids)).toEqual([]);
      expect(await world.notePush(ghost, ids, 'channel')).toEqual([]);
      expect([await world.attach(ghost), await world.detach(ghost)]).toEqual([undefined, undefined]);
      const sent = await world.trySend(ghost, ['person-0', 'person-1'], 'from beyond');
      expect(sent).toEqual({ ok: false, reason: 'session-ended' });
    }),
  ),
  fc.tuple(who, people).map(([from, to]) =>
    step(`send ${from} ${to} in a unit that fails`, async (mail) => {
      const { world } = mail;
      const { member } = mail.process(from);
      const ids = to.map((person) => at(mail.processes, person).member.id);
      const message = world.outgoing(member, ids, 'never');
      const failed = world.write(async (u) => {
        await u.sending.send([message], world.waiting());
        await u.peers.update(member.id, { tags: ['never'] });
        throw new Error('after all of it');
      });
      expect(await failed.catch((error: unknown) => error)).toMatchObject({ code: 'internal' });
      expect((await world.findPeer(member.id))?.tags).toEqual([]);
    }),
  ),
  brokerIndex.map((b) =>
    step(`broker ${b} crashes and another starts`, async (mail) => {
      const { world, brokers, dead } = mail;
      const crashed = at(brokers, b);
      await world.crashBroker(crashed);
      dead.push(crashed);
      const next = await world.startBroker();
      brokers[b] = next;
      for (const process of mail.processes) if (process.broker === crashed) process.broker = next;
    }),
  ),
  brokerIndex.map((b) =>
    step(`broker ${b} notices who is dead`, async (mail) => {
      mail.world.use(at(mail.brokers, b));
      await mail.world.bury(mail.dead);
      const isDead = ({ attached_to }: (typeof mail.processes)[number]) =>
        attached_to !== undefined && mail.dead.includes(attached_to);
      for (const process of mail.processes.filter(isDead)) process.attached_to = undefined;
      mail.dead.length = 0;
    }),
  ),
  brokerIndex.map((b) =>
    step(`broker ${b} stops and another starts`, async (mail) => {
      const stopped = at(mail.brokers, b);
      await mail.world.stopBroker(stopped);
      const next = await mail.world.startBroker();
      mail.brokers[b] = next;
      for (const process of mail.processes) {
        if (process.broker === stopped) process.broker = next;
        if (process.attached_to === stopped) process.attached_to = undefined;
      }
    }),
  ),
  fc.constant(
    step('sessions expire', async ({ world, processes }) => {
      const lost = await world.endDetachedBefore(world.now - SESSION_EXPIRY_MS);
      for (const process of processes) {
        if (!lost.includes(process.member.session.id)) continue;
        expect(process.attached_to).toBe(undefined);
        process.open = false;
      }
    }),
  ),
  fc.tuple(fc.nat(), who).map(([pick, to]) =>
    step(`requeue message ${pick} to ${to}`, async (mail) => {
      if (mail.letters.length === 0) return;
      const { id, owner } = at(mail.letters, pick);
      const letter = mail.letter(id, owner);
      const { world, processes } = mail;
      const moved = await world.requeue(id, at(processes, to).member, at(processes, owner).member);
      const movable = letter && owner !== to && letter.state !== 'confirmed';
      expect(moved).toEqual(movable ? [id] : []);
      if (movable) mail.move(letter, to);
    }),
  ),
  fc.tuple(fc.nat(), who).map(([pick, to]) =>
    step(`requeue message ${pick} of whoever to ${to}`, async (mail) => {
      if (mail.letters.length === 0) return;
      const { id } = at(mail.letters, pick);
      const waits = mail.kept(id).filter(({ owner, state }) => owner !== to && state !== 'confirmed');
      const { world, processes } = mail;
      const moved = await world.requeue(id, at(processes, to).member).catch((error: Error) => error.message);
      if (waits.length > 1) return expect(moved).toMatch(/^it waits for several: person-\d,person-\d$/);
      expect(moved).toEqual(waits.map((letter) => letter.id));
      for (const letter of waits) mail.move(letter, to);
    }),
  ),
  fc.tuple(who, who).map(([from, to]) =>
    step(`requeue orphans of ${from} to ${to}`, async (mail) => {
      const { world, processes } = mail;
      const { orphans } = await world.orphans(WEEK_MS, 1_000);
      const source = at(processes, from);
      const theirs = orphans.filter((orphan) => orphan.to.id === source.member.id).map(({ message_id }) => message_id);
      // only what was given up is an orphan of somebody who is here
      const givenUp = mail.letters.filter(({ owner, state }) => owner === from && state === 'given up');
      if (source.attached_to) expect(theirs).toEqual(givenUp.map(({ id }) => id));
      const moved = await world.requeueOrphans(source.member, at(processes, to).member);
      expect(moved).toEqual(from === to ? [] : theirs);
      for (const id of moved) {
        const letter = mail.letter(id, from);
        if (letter) mail.move(letter, to);
      }
    }),
  ),
  fc.constant(
    step('orphans are told of', async (mail) => {
      const { world, processes } = mail;
      const { orphans } = await world.orphans(WEEK_MS, 1_000);
      const untold = orphans.flatMap(({ message_id, to }) => {
        const owner = processes.findIndex(({ member }) => member.id === to.id);
        const letter = mail.letter(message_id, owner);
        return letter && !letter.told ? [letter] : [];
      });
      expect(await world.read((u) => u.orphans.hasUntold())).toBe(untold.length > 0);
      expect(await world.note((u) => u.orphans.tell())).toBe(untold.length);
      for (const letter of untold) letter.told = true;
      const { events } = mail.news();
      const told = events.filter(({ kind }) => kind === 'message.orphaned');
      const idOf = ({ id, owner }: { id: string; owner: number }) => `${id} ${at(processes, owner).member.id}`;
      expect(told.map(({ message_id, peer_id }) => `${message_id} ${peer_id}`).sort()).toEqual(untold.map(idOf).sort());
    }),
  ),
  fc.integer({ min: 1, max: 20 }).map((limit) => step(`read the log by ${limit}`, (mail) => mail.readOn(limit))),
  fc.constant(
    step('retention', async ({ letters, world, processes }) => {
      const absent_before = world.now - ORPHAN_GRACE_MS;
      const seen = await Promise.all(processes.map(({ member }) => world.findPeer(member.id)));
      await world.applyRetention({
        undelivered_before: world.now - WEEK_MS,
        absent_before,
        confirmed_before: world.now - HISTORY_MS,
        orphaned_before: world.now - WEEK_MS - HISTORY_MS,
      });
      for (const letter of letters) {
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
async function readEverything(mail: Mail): Promise<void> {
  for (let person = 0; person < PEOPLE; person += 1) {
    await mail.replace(person);
    for (;;) {
      const got = await mail.lease(person, false);
      if (got.length === 0) break;
      await mail.confirm(person, got);
    }
  }
  expect(mail.letters.filter(({ state }) => state === 'waiting')).toEqual([]);
  await mail.check();
}

it('keeps the mailboxes whole in any order of events', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands([...often, ...often, ...often, ...seldom], { maxCommands: STEPS, size: 'max' }),
      async (commands) => {
        const mail = await Mail.open(PEOPLE);
        try {
          await fc.asyncModelRun(() => ({ model: {}, real: mail }), commands);
          await readEverything(mail);
          await mail.checkLog();
        } finally {
          await mail.end();
        }
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false },
  );
});
