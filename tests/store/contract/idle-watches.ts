/** Who is owed word when a peer falls idle. */
import type { Expect, Test } from '../runner.ts';

export function idleWatches(test: Test, expect: Expect): void {
  test('each watcher of a peer is owed one word, however often it asked', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    for (const watcher of [ann, eve, ann]) await world.store.watchIdle(bob.id, watcher.id, world.now);
    await world.store.watchIdle(eve.id, ann.id, world.now);
    expect([...(await world.store.takeIdleWatchers(bob.id))].sort()).toEqual([ann.id, eve.id].sort());
    expect(await world.store.takeIdleWatchers(bob.id)).toEqual([]);
    expect(await world.store.takeIdleWatchers(eve.id)).toEqual([ann.id]);
  });

  test('a wish outlives the broker', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.watchIdle(bob.id, ann.id, world.now);
    await world.restart();
    expect(await world.store.takeIdleWatchers(bob.id)).toEqual([ann.id]);
  });

  test('a wish moves along when the watched peer, or the watcher, turns out to be an earlier one', async (world) => {
    const thread = { client: 'codex', id: 'thread-1' } as const;
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: thread });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register();
    await world.store.watchIdle(fresh.peer.id, ann.id, world.now);
    await world.store.watchIdle(ann.id, fresh.peer.id, world.now);
    await world.store.bindConversation(fresh.member.session.id, thread, world.now);
    expect(await world.store.takeIdleWatchers(earlier.peer.id)).toEqual([ann.id]);
    expect(await world.store.takeIdleWatchers(ann.id)).toEqual([earlier.peer.id]);
  });
}
