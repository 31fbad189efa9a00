/** Counts that are kept, not counted: they say what counting the rows would. */
import { ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, HUMAN_ID, type World } from '../world.ts';

/** The same numbers, from the rows. */
async function counted(world: World) {
  const rows = await world.read((u) => u.db.selectFrom('entries').select('state').execute());
  const count = (...states: string[]) => rows.filter(({ state }) => states.includes(state)).length;
  return { confirmed: count('confirmed'), unconfirmed: count('queued', 'leased', 'orphaned') };
}

export function tallies(test: Test, expect: Expect): void {
  const same = async (world: World) => {
    const { waiting, confirmed, orphaned } = await world.counts();
    const rows = await counted(world);
    expect({ confirmed, unconfirmed: waiting + orphaned }).toEqual(rows);
    return rows.confirmed;
  };

  test('every way to confirm is counted once, and every way to forget', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    expect(await same(world)).toBe(0);
    const one = await world.send(ann, [bob, eve], 'one');
    const two = await world.send(ann, [bob, eve], 'two');
    await world.trySend(ann, 'operator', 'done');
    expect(await same(world)).toBe(0);
    for (let i = 0; i < 2; i += 1) await world.confirm(bob, [one, two, 'm-none']);
    expect(await same(world)).toBe(2);
    await world.send(eve, ann, 'answer', { reply_to: one });
    expect(await same(world)).toBe(3);
    const [letter] = await world.read((u) => u.mailbox.peek(HUMAN_ID, 1));
    for (let i = 0; i < 2; i += 1) await world.note((u) => u.mailbox.readByHuman(HUMAN_ID, [letter?.message_id ?? '']));
    expect(await same(world)).toBe(4);
    await world.requeue(two, bob, eve);
    expect(await same(world)).toBe(4);
    world.pass(1);
    await world.applyRetention({ confirmed_before: world.now });
    expect(await same(world)).toBe(0);
    await world.applyRetention({ confirmed_before: world.now });
    expect(await same(world)).toBe(0);
  });

  test('what a unit that failed would have confirmed is not counted', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'hello');
    const confirmation = { message_id: id, evidence: 'hook' } as const;
    const failing = world.note(async (u) => {
      await u.mailbox.confirm(bob.session, [confirmation]);
      throw new Error('after that');
    });
    const results = await Promise.allSettled([failing, world.confirm(bob, [id])]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await same(world)).toBe(1);
  });

  test('the count is of the database: it is the sum of what all brokers did, also of those that ended', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const ids = [];
    for (let i = 0; i < 5; i += 1) ids.push(await world.send(ann, bob, `${i}`));
    const [a = '', b = '', c = ''] = ids;
    await world.confirm(bob, [a, b]);
    const other = await world.startBroker();
    world.use(other);
    await world.confirm(bob, [c]);
    expect(await same(world)).toBe(3);
    await world.crashBroker(other);
    await world.restart();
    expect(await same(world)).toBe(3);
    world.pass(DAY_MS);
    await world.applyRetention({ confirmed_before: world.now });
    expect(await same(world)).toBe(0);
  });

  test('orphans that were given up count as orphans until they are forgotten', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hello');
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS);
    await world.applyRetention({ undelivered_before: world.now, absent_before: world.now });
    await same(world);
    expect(await world.counts()).toMatchObject({ waiting: 0, orphaned: 1 });
    await world.applyRetention({ orphaned_before: world.now });
    await same(world);
    expect(await world.counts()).toMatchObject({ waiting: 0, orphaned: 0 });
  });
}
