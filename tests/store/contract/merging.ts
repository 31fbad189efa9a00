/** Mail of two peers that turn out to be one: it stays once, and what was read is not new again. */
import type { Expect, Test } from '../runner.ts';
import type { World } from '../world.ts';

export function merging(test: Test, expect: Expect): void {
  const thread = { client: 'claude', id: 'thread-1' } as const;
  /** A peer whose session is over, and one that will turn out to be it. */
  const earlierAndFresh = async (world: World) => {
    const { member: earlier } = await world.register({ conversation: thread });
    await world.endSession(earlier);
    return { earlier, fresh: (await world.register()).member };
  };

  test('a message for two peers that turn out to be one stays once, and is not new again where it was read', async (world) => {
    const ann = await world.join('ann');
    const { earlier, fresh } = await earlierAndFresh(world);
    const unread = await world.send(ann, [earlier, fresh], 'unread');
    const read = await world.send(ann, [earlier, fresh], 'read');
    const held = await world.send(ann, [earlier, fresh], 'held');
    await world.lease(fresh);
    await world.confirm(fresh, [read]);
    const later = await world.send(ann, [earlier, fresh], 'later');
    await world.bind(fresh, thread);
    const now = await world.nowOf(fresh);
    // what this process holds it has: only what it was never handed comes
    expect((await world.lease(now)).map(({ message_id }) => message_id)).toEqual([later]);
    expect((await world.entry(read)).entry).toMatchObject({ state: 'confirmed' });
    expect(await world.counts()).toMatchObject({ waiting: 3, confirmed: 1 });
    expect((await world.confirm(now, [unread, held, later])).length).toBe(3);
    expect(await world.counts()).toMatchObject({ waiting: 0, confirmed: 4 });
  });

  test('a message that was read as both is counted once after they turn out to be one', async (world) => {
    const ann = await world.join('ann');
    const { member: first } = await world.register({ conversation: thread });
    const { member: fresh } = await world.register();
    const id = await world.send(ann, [first, fresh], 'hello');
    for (const member of [first, fresh]) await world.confirm(member, [id]);
    expect(await world.counts()).toMatchObject({ confirmed: 2 });
    await world.bind(fresh, thread);
    expect((await world.findMessage(id))?.entries).toHaveLength(1);
    expect(await world.counts()).toMatchObject({ confirmed: 1 });
  });

  test('a send whose sender has turned out to be an earlier peer meanwhile is sent by that one', async (world) => {
    const ann = await world.join('ann');
    const { earlier, fresh } = await earlierAndFresh(world);
    const before = await world.send(fresh, ann, 'before', { key: 'key-0001' });
    const message = world.outgoing(fresh, ['ann', earlier.id], 'under way', { key: 'key-0002' });
    await world.bind(fresh, thread);
    const [sent] = await world.sendAll([message]);
    expect(sent).toMatchObject({ ok: true, fresh: true, to: [{ record: { to: { id: ann.id } } }] });
    expect((await world.lease(ann)).map(({ from }) => from.id)).toEqual([earlier.id, earlier.id]);
    const now = await world.nowOf(fresh);
    expect(await world.trySend(now, 'ann', 'under way', { key: 'key-0002' })).toMatchObject({ ok: true, fresh: false });
    expect(await world.trySend(now, 'ann', 'before', { key: 'key-0001' })).toMatchObject({ message_id: before });
  });
}
