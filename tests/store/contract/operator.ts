/** What the human sees go by. */
import type { RecentMessage } from '../../../shared/contract/types.ts';
import type { Expect, Test } from '../runner.ts';
import type { World } from '../world.ts';

function newest(world: World, after_seq: number | undefined, limit: number): Promise<RecentMessage[]> {
  return world.read((u) => u.messages.recent(after_seq, limit));
}

export function operator(test: Test, expect: Expect): void {
  test('the newest messages come oldest first, and then only what is newer', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    for (const text of ['one', 'two', 'three']) await world.send(ann, bob, text);
    const recent = await newest(world, undefined, 2);
    expect(recent.map(({ preview, from, to }) => [preview, from.name, to.map(({ name }) => name)])).toEqual([
      ['two', 'ann', ['bob']],
      ['three', 'ann', ['bob']],
    ]);
    const last = recent.at(-1)?.seq;
    expect(await newest(world, last, 10)).toEqual([]);
    await world.send(bob, ann, 'four');
    await world.send(bob, ann, 'five');
    expect((await newest(world, last, 1)).map(({ preview }) => preview)).toEqual(['four']);
  });

  test('a conversation is known by the peer that it is now', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    expect(await world.read((u) => u.registering.peerOfConversation(thread))).toBe(undefined);
    const earlier = await world.register({ conversation: thread });
    await world.endSession(earlier.member);
    const fresh = await world.register();
    await world.bind(fresh.member, thread);
    expect(await world.read((u) => u.registering.peerOfConversation(thread))).toMatchObject({
      id: earlier.peer.id,
      online: true,
    });
  });
}
