/** Forgetting what was kept long enough, and nothing else. */

import type { Expect, Test } from '../runner.ts';
import { DAY_MS, START } from '../world.ts';

export function retention(test: Test, expect: Expect): void {
  test('confirmed messages go when their time is over; waiting ones stay', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const old = await world.send(ann, bob, 'old');
    await world.confirm(bob, [old]);
    world.pass(DAY_MS);
    const recent = await world.send(ann, bob, 'recent');
    await world.confirm(bob, [recent]);
    const waiting = await world.send(ann, bob, 'waiting');

    await world.applyRetention({ confirmed_before: START });
    expect((await world.counts()).confirmed).toBe(2);
    await world.applyRetention({ confirmed_before: world.now });
    expect(await world.findMessage(old)).toBe(undefined);
    expect((await world.findMessage(recent))?.entries).toHaveLength(1);
    expect((await world.findMessage(waiting))?.entries).toHaveLength(1);
    expect(await world.counts()).toMatchObject({ confirmed: 1, waiting: 1 });
  });

  test('a message that was read late is kept from then on, not from when it was sent', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'slow');
    world.pass(10 * DAY_MS);
    await world.confirm(bob, [id]);
    await world.applyRetention({ confirmed_before: world.now - DAY_MS });
    expect((await world.findMessage(id))?.entries).toHaveLength(1);
  });

  test('orphans that were given up are kept for requeueing until their own time is over', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'nobody came');
    await world.endSession(bob);
    world.pass(8 * DAY_MS);
    await world.applyRetention({
      undelivered_before: world.now - 7 * DAY_MS,
      absent_before: world.now,
    });
    await world.applyRetention({ confirmed_before: world.now, orphaned_before: START });
    expect((await world.entry(id)).entry.state).toBe('orphaned');
    await world.applyRetention({ confirmed_before: world.now, orphaned_before: START + 1 });
    expect(await world.findMessage(id)).toBe(undefined);
  });

  test('a peer is forgotten only when nothing of it is left, and frees its name', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, bob, 'hello');
    for (const member of [ann, bob, eve]) await world.endSession(member);
    world.pass(DAY_MS);
    const forget = { peers_before: world.now };
    await world.applyRetention(forget);
    const names = async () => [...(await world.read((u) => u.peers.names()))].sort();
    expect(await names()).toEqual(['ann', 'bob', 'operator']);
    const back = await world.rejoin(bob);
    await world.confirm(back, [id]);
    await world.endSession(back);
    world.pass(1);
    await world.applyRetention({ peers_before: world.now, confirmed_before: world.now });
    expect(await names()).toEqual(['operator']);
    expect((await world.join('eve')).name).toBe('eve');
  });

  test('a peer with a session is never forgotten, nor is the human', async (world) => {
    await world.join('ann');
    world.pass(1_000 * DAY_MS);
    await world.applyRetention({ peers_before: world.now });
    expect([...(await world.read((u) => u.peers.names()))].sort()).toEqual(['ann', 'operator']);
  });

  test('what was merged is forgotten after what it became, not before', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    const earlier = await world.register({ conversation: thread, wanted_name: 'earlier' });
    await world.endSession(earlier.member);
    const fresh = await world.register({ fallback_name: () => 'fresh' });
    await world.bind(fresh.member, thread);
    await world.endSession(fresh.member);
    world.pass(DAY_MS);
    await world.applyRetention({ peers_before: world.now });
    await world.applyRetention({ peers_before: world.now });
    expect(await world.findPeer('fresh')).toBe(undefined);
    expect(await world.findPeer('earlier')).toBe(undefined);
  });

  test('ended sessions are forgotten, open ones are not', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.endSession(ann);
    world.pass(DAY_MS);
    await world.applyRetention({ sessions_before: world.now });
    expect(await world.sessionOf(ann)).toBe(undefined);
    expect(await world.sessionOf(bob)).toMatchObject({ ended: false });
  });
}
