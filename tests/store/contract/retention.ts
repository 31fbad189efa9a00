/** Forgetting what was kept long enough, and nothing else. */

import { peerText } from '../../../shared/peer-text.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, KEEP_ALL, START } from '../world.ts';

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

    await world.store.applyRetention({ ...KEEP_ALL, confirmed_before: START });
    expect((await world.store.counts(world.now)).confirmed).toBe(2);
    await world.store.applyRetention({ ...KEEP_ALL, confirmed_before: world.now });
    expect(await world.store.findMessage(old)).toBe(undefined);
    expect((await world.store.findMessage(recent))?.entries).toHaveLength(1);
    expect((await world.store.findMessage(waiting))?.entries).toHaveLength(1);
    expect(await world.store.counts(world.now)).toMatchObject({ confirmed: 1, waiting: 1 });
  });

  test('a message that was read late is kept from then on, not from when it was sent', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'slow');
    world.pass(10 * DAY_MS);
    await world.confirm(bob, [id]);
    await world.store.applyRetention({ ...KEEP_ALL, confirmed_before: world.now - DAY_MS });
    expect((await world.store.findMessage(id))?.entries).toHaveLength(1);
  });

  test('orphans that were given up are kept for requeueing until their own time is over', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'nobody came');
    await world.store.endSession(bob.session.id, 'closed', [], world.now);
    world.pass(8 * DAY_MS);
    await world.store.applyRetention({
      ...KEEP_ALL,
      undelivered_before: world.now - 7 * DAY_MS,
      absent_before: world.now,
    });
    await world.store.applyRetention({ ...KEEP_ALL, confirmed_before: world.now, orphaned_before: START });
    expect((await world.entry(id)).entry.state).toBe('orphaned');
    await world.store.applyRetention({ ...KEEP_ALL, confirmed_before: world.now, orphaned_before: START + 1 });
    expect(await world.store.findMessage(id)).toBe(undefined);
  });

  test('a peer is forgotten only when nothing of it is left, and frees its name', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, bob, 'hello');
    for (const { session } of [ann, bob, eve]) await world.store.endSession(session.id, 'closed', [], world.now);
    world.pass(DAY_MS);
    const forget = { ...KEEP_ALL, peers_before: world.now };
    await world.store.applyRetention(forget);
    const names = async () => [...(await world.store.peerNames())].sort();
    expect(await names()).toEqual(['ann', 'bob']);
    await world.confirm(bob, [id]);
    await world.store.applyRetention({ ...forget, confirmed_before: world.now + 1 });
    expect(await names()).toEqual([]);
    expect((await world.join('eve')).name).toBe('eve');
  });

  test('a peer with a session is never forgotten, nor is the human', async (world) => {
    await world.join('ann');
    await world.store.operatorPeer('the-human', peerText('host'), world.now);
    world.pass(1_000 * DAY_MS);
    await world.store.applyRetention({ ...KEEP_ALL, peers_before: world.now });
    expect([...(await world.store.peerNames())].sort()).toEqual(['ann', 'operator']);
  });

  test('what was merged is forgotten after what it became, not before', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    const earlier = await world.register({ conversation: thread, wanted_name: 'earlier' });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register({ fallback_name: () => 'fresh' });
    await world.bind(fresh.member, thread);
    await world.store.endSession(fresh.member.session.id, 'closed', [], world.now);
    world.pass(DAY_MS);
    await world.store.applyRetention({ ...KEEP_ALL, peers_before: world.now });
    await world.store.applyRetention({ ...KEEP_ALL, peers_before: world.now });
    expect(await world.store.findPeer('fresh')).toBe(undefined);
    expect(await world.store.findPeer('earlier')).toBe(undefined);
  });

  test('ended sessions are forgotten, open ones are not', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.endSession(ann.session.id, 'closed', [], world.now);
    world.pass(DAY_MS);
    await world.store.applyRetention({ ...KEEP_ALL, sessions_before: world.now });
    expect(await world.store.findSession(`token of ${ann.session.id}`)).toBe(undefined);
    expect(await world.store.findSession(`token of ${bob.session.id}`)).toMatchObject({ ended: false });
  });
}
