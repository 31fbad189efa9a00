/** The event log: a reader with a cursor gets all that was told, in order and once. */
import { type Cursor, formatCursor, parseCursor } from '../../../broker/store/events.ts';
import type { BrokerEvent } from '../../../shared/contract/types.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, LOG_START, type Member, type World } from '../world.ts';
import { plain, told } from './events.ts';

/** Reads on from a place to the end, by pages. */
async function readOn(world: World, from: Cursor, limit: number, of?: string) {
  const events: BrokerEvent[] = [];
  for (let cursor = from; ; ) {
    const page = await world.read((u) => u.events.after(cursor, limit, of));
    events.push(...page.events);
    cursor = page.upTo;
    if (page.events.length < limit) return { events, cursor };
  }
}

function cursorOf(text: string | undefined): Cursor {
  const cursor = parseCursor(text ?? '');
  if (!cursor) throw new Error(`${text} is no cursor`);
  return cursor;
}

function endOf(world: World): Promise<Cursor> {
  return world.read((u) => u.events.end());
}

function reachesBackTo(world: World, cursor: Cursor): Promise<boolean> {
  return world.read((u) => u.events.reachesBackTo(cursor));
}

/** Something worth telling: four events. */
async function happen(world: World, ann: Member, bob: Member): Promise<void> {
  await world.update(ann, { status: 'busy' });
  const id = await world.send(ann, bob, 'hello');
  await world.lease(bob);
  await world.confirm(bob, [id]);
}

export function log(test: Test, expect: Expect): void {
  test('the log says what commits told, in their order, with the time of each', async (world) => {
    const ann = await world.join('ann');
    world.pass(1_000);
    const bob = await world.join('bob');
    await happen(world, ann, bob);
    const log = await world.log();
    expect(log.map(plain)).toEqual(told(world));
    expect(log[0]).toMatchObject({ kind: 'peer.registered', at: new Date(world.now - 1_000).toISOString() });
    expect(log.at(-1)).toMatchObject({ kind: 'message.confirmed', at: new Date(world.now).toISOString() });
    expect(new Set(log.map(({ cursor }) => cursor)).size).toBe(log.length);
  });

  test('pages of any size bring the same, and every cursor goes on where it stands', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    for (let i = 0; i < 3; i += 1) await happen(world, ann, bob);
    const all = await world.log();
    for (const limit of [1, 2, 3, all.length - 1, all.length, all.length + 1])
      expect((await readOn(world, LOG_START, limit)).events).toEqual(all);
    for (const [i, { cursor }] of all.entries()) expect(await world.log(cursorOf(cursor))).toEqual(all.slice(i + 1));
  });

  test('a reader gets what happens between its looks, once, also from another broker and after a restart', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const seen: BrokerEvent[] = [];
    let cursor = LOG_START;
    const look = async () => {
      const next = await readOn(world, cursor, 3);
      seen.push(...next.events);
      cursor = next.cursor;
    };
    await look();
    await look();
    await happen(world, ann, bob);
    await look();
    await world.restart();
    await look();
    world.use(await world.startBroker());
    await world.attach(ann);
    await happen(world, ann, bob);
    await look();
    expect(seen.map(plain)).toEqual(told(world));
  });

  test('a reader that looks all the while misses nothing and gets nothing twice, however many write at once', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    let cursor = await endOf(world);
    told(world);
    const seen: BrokerEvent[] = [];
    let writing = true;
    const reading = (async () => {
      for (let last = false; !last; ) {
        last = !writing;
        const next = await readOn(world, cursor, 7);
        seen.push(...next.events);
        cursor = next.cursor;
        // a driver that never waits leaves the others no turn
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    })();
    const writers = Array.from({ length: 8 }, async (_, w) => {
      for (let i = 0; i < 10; i += 1) {
        const id = await world.send(ann, bob, `${w} ${i}`);
        if (i % 3 === 0) await world.confirm(bob, [id]);
        if (i % 5 === 0) await world.write(() => Promise.reject(new Error('never'))).catch(() => {});
      }
    });
    await Promise.all(writers);
    writing = false;
    await reading;
    const all = told(world);
    expect(all).toHaveLength(8 * (10 + 4));
    expect(seen.map(plain)).toEqual(all);
  });

  test('a reader of one peer gets what concerns it: its own, and what becomes of its messages', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const between = await world.send(ann, bob, 'between two');
    await world.lease(bob);
    await world.send(eve, bob, 'not yours');
    await world.rename(ann, 'anna');
    const all = await world.log();
    const own = all.filter(({ peer_id, other_id }) => peer_id === ann.id || other_id === ann.id);
    expect(own.map(({ kind }) => kind)).toEqual([
      'peer.registered',
      'peer.online',
      'message.sent',
      'message.leased',
      'peer.renamed',
    ]);
    expect(own[3]).toMatchObject({ peer_id: bob.id, other_id: ann.id, message_id: between });
    for (const limit of [1, 2, 100]) expect((await readOn(world, LOG_START, limit, ann.id)).events).toEqual(own);
  });

  test('what does not concern a reader is behind it all the same', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const { cursor } = await readOn(world, LOG_START, 100, eve.id);
    await happen(world, ann, bob);
    const next = await world.read((u) => u.events.after(cursor, 100, eve.id));
    expect(next.events).toEqual([]);
    // nothing is read over and over
    expect(await world.log(next.upTo)).toEqual([]);
    await world.rename(eve, 'eva');
    expect((await world.log(next.upTo, eve.id)).map(({ kind }) => kind)).toEqual(['peer.renamed']);
  });

  test('who follows from now on gets nothing of before', async (world) => {
    const empty = await endOf(world);
    const { upTo } = await world.read((u) => u.events.after(empty, 10));
    const ann = await world.join('ann');
    for (const before of [empty, upTo]) expect(await world.log(before)).toHaveLength(2);
    const now = await endOf(world);
    expect(await world.log(now)).toEqual([]);
    await world.rename(ann, 'anna');
    expect((await world.log(now)).map(({ kind }) => kind)).toEqual(['peer.renamed']);
  });

  test('every cursor that is given out can be given back', async (world) => {
    for (const place of [LOG_START, await endOf(world), { xid: 7, seq: Number.MAX_SAFE_INTEGER }])
      expect(parseCursor(formatCursor(place))).toEqual(place);
    for (const text of ['', '1', '1-', '-1', 'a-b', '1-2-3', ' 1-2', '1-2\n', '99999999999999999-1'])
      expect(parseCursor(text)).toBe(undefined);
  });

  test('whoever missed what was deleted learns it, and nobody else whose place is still in the log', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await happen(world, ann, bob);
    const old = await world.log();
    const [first, secondLast] = [cursorOf(old[0]?.cursor), cursorOf(old.at(-2)?.cursor)];
    expect([await reachesBackTo(world, LOG_START), await reachesBackTo(world, first)]).toEqual([true, true]);
    world.pass(DAY_MS);
    await happen(world, ann, bob);
    const young = (await world.log()).slice(old.length);
    await world.applyRetention({ events_before: world.now });
    expect(await world.log()).toEqual(young);
    for (const missed of [LOG_START, first, secondLast]) expect(await reachesBackTo(world, missed)).toBe(false);
    for (const { cursor } of young) expect(await reachesBackTo(world, cursorOf(cursor))).toBe(true);
    expect(await reachesBackTo(world, await endOf(world))).toBe(true);
  });

  test('a log in which nothing happened for long still tells whose place is before it', async (world) => {
    const ann = await world.join('ann');
    const early = await endOf(world);
    await world.rename(ann, 'anna');
    await world.rename(ann, 'annie');
    const late = await endOf(world);
    world.pass(2 * DAY_MS);
    for (let i = 0; i < 2; i += 1) await world.applyRetention({ events_before: world.now });
    expect([await reachesBackTo(world, early), await reachesBackTo(world, late)]).toEqual([false, true]);
    expect(await world.log(late)).toEqual([]);
    await world.restart();
    await world.rename(ann, 'ann');
    expect((await world.log(late)).at(-1)).toMatchObject({ kind: 'peer.renamed', state: 'ann' });
    expect([await reachesBackTo(world, early), await reachesBackTo(world, late)]).toEqual([false, true]);
  });

  test('a clock that jumps makes no hole in the log', async (world) => {
    const ann = await world.join('ann');
    world.pass(10 * DAY_MS);
    await world.rename(ann, 'ahead');
    const ahead = await endOf(world);
    world.pass(-10 * DAY_MS);
    await world.rename(ann, 'back');
    world.pass(DAY_MS);
    await world.rename(ann, 'now');
    await world.applyRetention({ events_before: world.now });
    expect(await reachesBackTo(world, ahead)).toBe(true);
    expect((await world.log(ahead)).map(({ state }) => state)).toEqual(['back', 'now']);
  });
}
