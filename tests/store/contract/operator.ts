/** What the human sees go by. */
import type { Expect, Test } from '../runner.ts';

export function operator(test: Test, expect: Expect): void {
  test('the newest messages come oldest first, and then only what is newer', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    for (const text of ['one', 'two', 'three']) await world.send(ann, bob, text);
    const recent = await world.store.recentMessages(undefined, 2);
    expect(recent.map(({ preview, from, to }) => [preview, from.name, to.map(({ name }) => name)])).toEqual([
      ['two', 'ann', ['bob']],
      ['three', 'ann', ['bob']],
    ]);
    const last = recent.at(-1)?.seq;
    expect(await world.store.recentMessages(last, 10)).toEqual([]);
    await world.send(bob, ann, 'four');
    await world.send(bob, ann, 'five');
    expect((await world.store.recentMessages(last, 1)).map(({ preview }) => preview)).toEqual(['four']);
  });

  test('a conversation is known by the peer that it is now', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    expect(await world.store.peerOfConversation(thread)).toBe(undefined);
    const earlier = await world.register({ conversation: thread });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register();
    await world.bind(fresh.member, thread);
    expect(await world.store.peerOfConversation(thread)).toMatchObject({ id: earlier.peer.id, online: true });
  });
}
