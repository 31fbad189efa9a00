/** The event log: what happens is told once, in the commit that makes it so, and a reader with a cursor gets all of it. */
import { type Cursor, formatCursor, type NewEvent, parseCursor } from '../../../broker/store/events.ts';
import type { BrokerEvent } from '../../../shared/contract/types.ts';
import { ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, HUMAN_ID, LOG_START, type Member, type World } from '../world.ts';

const THREAD = { client: 'claude', id: 'thread-1' } as const;

type Told = readonly [
  kind: string,
  peer_id: string,
  other_id: string | null,
  message_id: string | null,
  state: string | null,
];

function plain({ kind, peer_id, other_id = null, message_id = null, state = null }: NewEvent): Told {
  return [kind, peer_id, other_id, message_id, state];
}

/** What commits told since the last look. */
function told(world: World): Told[] {
  return world.news().events.map(plain);
}

function ofPeer(kind: string, { id }: { readonly id: string }, state: string | null = null): Told {
  return [kind, id, null, null, state];
}

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

export function events(test: Test, expect: Expect): void {
  test('what becomes of a peer is told once, and what changes nothing is not', async (world) => {
    const ann = await world.join('ann');
    expect(told(world)).toEqual([ofPeer('peer.registered', ann, 'ann'), ofPeer('peer.online', ann)]);
    await world.rename(ann, 'anna');
    expect(told(world)).toEqual([ofPeer('peer.renamed', ann, 'anna')]);
    await world.update(ann, { status: 'dnd' });
    expect(told(world)).toEqual([ofPeer('peer.changed', ann, 'dnd')]);

    const report = (activity: 'idle' | 'busy') => world.note((u) => u.sessions.update(ann.session.id, { activity }));
    for (const activity of ['busy', 'busy', 'idle', 'idle'] as const) await report(activity);
    expect(told(world)).toEqual([ofPeer('peer.busy', ann), ofPeer('peer.idle', ann)]);

    await world.attach(ann);
    expect(told(world)).toEqual([]);
    await world.detach(ann);
    await world.detach(ann);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    await world.attach(ann);
    expect(told(world)).toEqual([ofPeer('peer.online', ann)]);
    await world.detach(ann);
    await world.endSession(ann);
    await world.endSession(ann);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    const again = await world.rejoin({ ...ann, name: 'ann' });
    expect(told(world)).toEqual([ofPeer('peer.online', ann)]);
    await world.endSession(again);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    expect(await world.rename(ann, 'operator')).toBe(undefined);
    expect(told(world)).toEqual([]);
  });

  test('a newer process that takes over ends one session and begins another, for all to see', async (world) => {
    const ann = await world.join('ann');
    told(world);
    await world.rejoin(ann);
    const effects = [ofPeer('peer.offline', ann), ofPeer('peer.online', ann)];
    expect(told(world)).toEqual(effects);
  });

  test('a peer that turns out to be another leaves, and the other is there', async (world) => {
    const { member: earlier } = await world.register({ conversation: THREAD });
    await world.endSession(earlier);
    const { member: fresh } = await world.register();
    told(world);
    await world.bind(fresh, THREAD);
    expect(told(world)).toEqual([
      ['peer.merged', fresh.id, earlier.id, null, null],
      ofPeer('peer.offline', fresh),
      ofPeer('peer.online', earlier),
    ]);
  });

  test('a session that nothing holds is said to be there by its attachment only, whatever peer it serves', async (world) => {
    const { member: earlier } = await world.register({ conversation: THREAD });
    await world.endSession(earlier);
    const { member: fresh } = await world.register();
    await world.detach(fresh);
    told(world);
    await world.bind(fresh, THREAD);
    expect((await world.findPeer(earlier.id))?.online).toBe(false);
    expect(told(world)).toEqual([['peer.merged', fresh.id, earlier.id, null, null]]);
    await world.attach(fresh);
    expect(told(world)).toEqual([ofPeer('peer.online', earlier)]);
  });

  test('each step of a message is told for each recipient, with its sender', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    told(world);
    const id = await world.send(ann, [bob, eve], 'hello', { waiting: [eve] });
    const of = (kind: string, to: Member, state: string | null = null): Told => [kind, to.id, ann.id, id, state];
    expect(told(world)).toEqual([of('message.sent', bob), of('message.sent', eve), of('message.leased', eve)]);
    await world.trySend(ann, 'nobody', 'hm');
    await world.lease(bob);
    expect(told(world)).toEqual([of('message.leased', bob)]);
    await world.lease(bob);
    await world.notePush(bob, [id], 'channel', 'socket closed');
    await world.notePush(bob, [id], 'inbox-socket');
    expect(told(world)).toEqual([of('message.push_failed', bob, 'channel'), of('message.pushed', bob, 'inbox-socket')]);
    for (const evidence of ['hook', 'client'] as const) await world.confirm(bob, [id], evidence);
    expect(told(world)).toEqual([of('message.confirmed', bob, 'hook')]);
    const kim = await world.join('kim');
    told(world);
    await world.requeue(id, kim, eve);
    expect(told(world)).toEqual([of('message.requeued', kim, eve.id)]);
    const answer = await world.send(bob, ann, 'answer', { reply_to: id });
    expect(told(world)).toEqual([['message.sent', ann.id, bob.id, answer, null]]);
    await world.send(kim, bob, 'mine too', { reply_to: id });
    expect(told(world).slice(1)).toEqual([of('message.confirmed', kim, 'named')]);
  });

  test('what the human reads is told like any other mail', async (world) => {
    const ann = await world.join('ann');
    const sent = await world.trySend(ann, 'operator', 'done');
    const id = sent.ok ? sent.message_id : '';
    told(world);
    const read = () => world.note((u) => u.mailbox.readByHuman(HUMAN_ID, [id]));
    expect([await read(), await read()]).toEqual([[id], []]);
    expect(told(world)).toEqual([['message.confirmed', HUMAN_ID, ann.id, id, 'operator']]);
  });

  test('mail that nobody is there to take is told of once, and again only after somebody had it', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const id = await world.send(ann, [bob, eve], 'hello');
    const sweep = async () => {
      const untold = await world.read((u) => u.orphans.hasUntold());
      const count = await world.note((u) => u.orphans.tell());
      expect(untold).toBe(count > 0);
      return told(world).filter(([kind]) => kind === 'message.orphaned');
    };
    const orphaned: Told = ['message.orphaned', bob.id, ann.id, id, null];
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS - 1);
    expect(await sweep()).toEqual([]);
    world.pass(1);
    expect([await sweep(), await sweep()]).toEqual([[orphaned], []]);
    const again = await world.rejoin(bob);
    await world.endSession(again);
    world.pass(ORPHAN_GRACE_MS);
    // it came and took nothing
    expect(await sweep()).toEqual([]);
    const last = await world.rejoin(bob);
    await world.lease(last);
    await world.endSession(last);
    world.pass(ORPHAN_GRACE_MS);
    expect([await sweep(), await sweep()]).toEqual([[orphaned], []]);
    const kim = await world.join('kim');
    await world.requeue(id, kim, bob);
    await world.endSession(kim);
    world.pass(ORPHAN_GRACE_MS);
    expect([await sweep(), await sweep()]).toEqual([[['message.orphaned', kim.id, ann.id, id, null]], []]);
  });

  test('mail that is given up is told of once', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'hello');
    await world.endSession(bob);
    world.pass(8 * DAY_MS);
    told(world);
    for (let i = 0; i < 2; i += 1)
      await world.applyRetention({ undelivered_before: world.now, absent_before: world.now - ORPHAN_GRACE_MS });
    expect(told(world)).toEqual([['message.expired', bob.id, ann.id, id, null]]);
  });

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
    expect([next.events, next.upTo]).toEqual([[], await endOf(world)]);
    // nothing is read over and over
    expect(await world.log(next.upTo)).toEqual([]);
    await world.rename(eve, 'eva');
    expect((await world.log(next.upTo, eve.id)).map(({ kind }) => kind)).toEqual(['peer.renamed']);
  });

  test('who follows from now on gets nothing of before', async (world) => {
    const empty = await endOf(world);
    expect((await world.read((u) => u.events.after(empty, 10))).upTo).toEqual(empty);
    const ann = await world.join('ann');
    expect(await world.log(empty)).toHaveLength(2);
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

  test('what was deleted is told to readers whose place is before it, and to no others', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await happen(world, ann, bob);
    const old = await world.log();
    const [first, last] = [cursorOf(old[0]?.cursor), cursorOf(old.at(-1)?.cursor)];
    expect([await reachesBackTo(world, LOG_START), await reachesBackTo(world, first)]).toEqual([true, true]);
    world.pass(DAY_MS);
    await happen(world, ann, bob);
    const young = (await world.log()).slice(old.length);
    await world.applyRetention({ events_before: world.now });
    expect(await world.log()).toEqual(young);
    expect(await reachesBackTo(world, LOG_START)).toBe(false);
    expect(await reachesBackTo(world, first)).toBe(false);
    expect(await reachesBackTo(world, last)).toBe(true);
    for (const { cursor } of young) expect(await reachesBackTo(world, cursorOf(cursor))).toBe(true);
    expect(await reachesBackTo(world, await endOf(world))).toBe(true);
    expect(await world.log(last)).toEqual(young);
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
    // either it is all there, or whoever misses something learns it
    const names = (await world.log(ahead)).map(({ state }) => state);
    expect((await reachesBackTo(world, ahead)) ? names : []).toEqual(
      (await reachesBackTo(world, ahead)) ? ['back', 'now'] : [],
    );
  });
}
