/**
 * Who a session is, in any order of starts, renames, binds, ends, crashes, lost answers, restarts and new secrets:
 * a session never gets a mailbox that was made for another name or conversation, or that a live session has, and
 * whatever start made a mailbox finds it again.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HOMES, House, type Start, type Tab } from './house.ts';

const LONG = 'x'.repeat(32);
/** Some that meet each other's numbers, most often the plain one. */
const NAMES = ['worker', 'worker', 'WORKER', 'worker-2', 'boss', LONG, `${LONG.slice(2)}-2`, 'operator'];
const NEW_NAMES = ['worker', 'worker-2', 'boss', 'boss', 'chief', 'operator'];
const CONVERSATIONS = ['one', 'two', 'three'];
const RUNS = 80;
const STEPS = 80;
/** A slow machine does fewer runs, not longer ones. */
const TIME_LIMIT_MS = 8_000;

type Step = fc.AsyncCommand<object, House>;

function step(name: string, run: (house: House) => Promise<void>): Step {
  return { check: () => true, run: (_, house) => run(house), toString: () => name };
}

/** One of them, if there is any. */
function pick<T>(items: Iterable<T>, index: number): T | undefined {
  const all = [...items];
  return all[index % all.length];
}

/** Something that one of the running processes does, or that happens to it. */
function tabStep(name: string, run: (house: House, tab: Tab) => Promise<void>): fc.Arbitrary<Step> {
  return fc.nat({ max: 20 }).map((index) =>
    step(`${name} ${index}`, async (house) => {
      const tab = pick(house.tabs, index);
      if (tab) await run(house, tab);
    }),
  );
}

function startStep(name: string, run: (house: House, start: Start) => Promise<void>): fc.Arbitrary<Step> {
  const home = fc.constantFrom(...Array<number>(3).fill(0), ...Array.from({ length: HOMES }, (_, i) => i));
  const wanted = fc.constantFrom(...NAMES);
  const conversation = fc.constantFrom(...CONVERSATIONS);
  const start: fc.Arbitrary<Start> = fc.oneof(
    fc.record({ home, name: wanted, conversation: fc.constant(undefined) }),
    fc.record({ home, name: wanted, conversation }),
    fc.record({ home, name: fc.constant(undefined), conversation }),
  );
  return start.map((how) => step(`${name} ${JSON.stringify(how)}`, (house) => run(house, how)));
}

const start = startStep('start', async (house, how) => {
  await house.start(how);
});

const steps: fc.Arbitrary<Step>[] = [
  start,
  start,
  start,
  startStep('crash at start', async (house, how) => {
    house.tabs.delete(await house.start(how));
  }),
  tabStep('answer lost', async (house, tab) => {
    const { peer, member } = await house.register(tab.start, tab.process);
    expect(peer.id).toBe(tab.member.id);
    tab.member = member;
  }),
  ...CONVERSATIONS.map((id) =>
    tabStep(`turn to ${id}`, async (house, tab) => {
      if (tab.start.name === undefined) await house.bind(tab, id);
    }),
  ),
  tabStep('end', (house, tab) => house.end(tab, 'closed')),
  tabStep('crash', async (house, tab) => {
    house.tabs.delete(tab);
  }),
  tabStep('give up', async (house, tab) => {
    await house.end(tab, 'lost');
    house.away.push(tab);
  }),
  fc.constant(
    step('come back', async (house) => {
      const tab = house.away.shift();
      if (tab) await house.comeBack(tab);
    }),
  ),
  fc.tuple(fc.nat({ max: 20 }), fc.constantFrom(...NEW_NAMES)).map(([index, name]) =>
    step(`rename ${index} ${name}`, async (house) => {
      const id = pick(house.boxes.keys(), index);
      if (id !== undefined && (await house.world.rename({ id }, name))) house.box(id).renamed = name;
    }),
  ),
  fc.nat({ max: 20 }).chain((index) =>
    tabStep(`write to ${index}, from`, async (house, { member }) => {
      const to = pick(house.boxes.keys(), index) ?? member.id;
      if (to !== member.id) house.box(to).mail.add(await house.world.send(member, { ...member, id: to }, 'text'));
    }),
  ),
  tabStep('read', (house, tab) => house.read(tab)),
  fc.nat({ max: HOMES - 1 }).map((home) => step(`new secret ${home}`, async (house) => house.renewSecret(home))),
  fc.constant(step('broker restarts', ({ world }) => world.restart())),
  fc.integer({ min: 1, max: 100_000 }).map((ms) => step(`pass ${ms}`, async ({ world }) => world.pass(ms))),
];

/** At the end every mailbox is found by each start that leads to it, and its mail is there. */
async function findEverything(house: House): Promise<void> {
  for (const [id, { home, names, conversations }] of house.boxes) {
    expect(names.size + conversations.size, `nothing leads to ${id}`).toBeGreaterThan(0);
    const ways: Start[] = [
      ...[...names].map((name) => ({ home, name, conversation: undefined })),
      ...[...conversations].map((conversation) => ({ home, name: undefined, conversation })),
    ];
    for (const way of ways) {
      house.tabs.clear();
      // others of the same name may come first, each once
      for (let n = 0; n < house.boxes.size && !house.serving(id); n += 1) await house.start(way);
      const found = house.serving(id);
      expect(found, `${JSON.stringify(way)} does not lead to ${id}`).toBeDefined();
      if (found) await house.read(found);
    }
  }
}

it('is found again by what made it, and by nobody else, in any order of events', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(steps, { maxCommands: STEPS, size: 'max' }), async (commands) => {
      const house = await House.open();
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: house }), commands);
        await findEverything(house);
      } finally {
        await house.close();
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false },
  );
});
