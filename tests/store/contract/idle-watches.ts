/** Who is owed word when a peer falls idle. */
import type { Expect, Test } from '../runner.ts';
import type { World } from '../world.ts';

export function idleWatches(test: Test, expect: Expect): void {
  const watchers = async (world: World, peer_id: string) =>
    (await world.store.idleWatches(peer_id)).map(({ watcher_id }) => watcher_id).sort();

  test('each watcher of a peer is owed one word, however often it asked, until it is told', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    for (const watcher of [ann, eve, ann]) await world.store.watchIdle(bob.id, watcher.id, world.now);
    await world.store.watchIdle(eve.id, ann.id, world.now);
    expect(await watchers(world, bob.id)).toEqual([ann.id, eve.id].sort());
    for (const watch of await world.store.idleWatches(bob.id)) await world.store.endIdleWatch(watch);
    expect(await watchers(world, bob.id)).toEqual([]);
    expect(await watchers(world, eve.id)).toEqual([ann.id]);
  });

  test('who asks again while being told is owed another word', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.watchIdle(bob.id, ann.id, world.now);
    const [first] = await world.store.idleWatches(bob.id);
    if (!first) throw new Error('nobody watches');
    await world.store.endIdleWatch(first);
    world.pass(1);
    await world.store.watchIdle(bob.id, ann.id, world.now);
    await world.store.endIdleWatch(first);
    expect(await watchers(world, bob.id)).toEqual([ann.id]);
  });

  test('a wish outlives the broker', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.watchIdle(bob.id, ann.id, world.now);
    await world.restart();
    expect(await watchers(world, bob.id)).toEqual([ann.id]);
  });

  test('a wish moves along when the watched peer, or the watcher, turns out to be an earlier one', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: thread });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register();
    await world.store.watchIdle(fresh.peer.id, ann.id, world.now);
    await world.store.watchIdle(ann.id, fresh.peer.id, world.now);
    await world.bind(fresh.member, thread);
    expect(await watchers(world, earlier.peer.id)).toEqual([ann.id]);
    expect(await watchers(world, ann.id)).toEqual([earlier.peer.id]);
  });
}
