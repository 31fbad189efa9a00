/** Acknowledging messages. */
import type { NewEvent } from '../../../broker/store/events.ts';
import type { Expect, Test } from '../runner.ts';
import type { World } from '../world.ts';

/** What commits told of confirmations since the last look. */
function confirmations(world: World): NewEvent[] {
  return world.news().events.filter(({ kind }) => kind === 'message.confirmed');
}

export function confirming(test: Test, expect: Expect): void {
  test('a confirmed message is gone from the mailbox, once and for all', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'read me');
    await world.lease(bob);
    world.pass(1_000);
    expect(await world.confirm(bob, [id], 'hook')).toEqual([id]);
    world.pass(1_000);
    expect(await world.confirm(bob, [id], 'tool-response')).toEqual([]);
    expect((await world.entry(id)).entry).toMatchObject({
      state: 'confirmed',
      confirmed_at: world.now - 1_000,
      confirmed_by: 'hook',
    });
    world.pass(3_600_000);
    expect(await world.texts(await world.rejoin(bob), true)).toEqual([]);
    expect(await world.unread(bob)).toBe(0);
  });

  test('a push that is its own proof is noted with the confirmation', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'hello');
    await world.lease(bob);
    const proof = { message_id: id, evidence: 'client', pushed_by: 'app-server' } as const;
    expect(await world.confirmAll(bob, [proof])).toEqual([id]);
    expect((await world.entry(id)).entry).toMatchObject({
      state: 'confirmed',
      confirmed_by: 'client',
      pushed_at: world.now,
      push_route: 'app-server',
    });
  });

  test('only the recipient can confirm: others change nothing', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, bob, 'for bob');
    await world.lease(bob);
    expect(await world.confirm(eve, [id])).toEqual([]);
    expect(await world.confirm(ann, [id])).toEqual([]);
    expect(await world.unread(bob)).toBe(1);
    expect(await world.confirm(bob, [id])).toEqual([id]);
  });

  test('a confirmation that comes after the lease lapsed counts all the same', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'slow reader');
    await world.lease(bob);
    world.pass(10 * 60_000);
    expect(await world.confirm(bob, [id])).toEqual([id]);
    expect(await world.texts(bob)).toEqual([]);
  });

  test('unknown ids are passed over, several kinds of evidence may come together', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const one = await world.send(ann, bob, 'one');
    const two = await world.send(ann, bob, 'two');
    const confirmed = await world.confirmAll(bob, [
      { message_id: one, evidence: 'hook' },
      { message_id: 'm-unknown', evidence: 'hook' },
      { message_id: two, evidence: 'client' },
    ]);
    expect([...confirmed].sort()).toEqual([one, two].sort());
    expect((await world.entry(two)).entry).toMatchObject({ confirmed_by: 'client' });
  });

  test('whoever answers a message has read it', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const question = await world.send(ann, bob, 'question');
    world.news();
    await world.send(bob, ann, 'answer', { reply_to: question });
    const named = {
      kind: 'message.confirmed',
      peer_id: bob.id,
      other_id: ann.id,
      message_id: question,
      state: 'named',
    };
    expect(confirmations(world)).toEqual([named]);
    expect((await world.entry(question)).entry).toMatchObject({ state: 'confirmed', confirmed_by: 'named' });
    await world.send(bob, ann, 'and more', { reply_to: question });
    expect(confirmations(world)).toEqual([]);
    expect(await world.texts(bob, true)).toEqual([]);
  });

  test('a sender that answers its own message confirms nothing', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'first');
    await world.send(ann, bob, 'second', { reply_to: id });
    expect(confirmations(world)).toEqual([]);
    expect(await world.texts(bob)).toEqual(['first', 'second']);
  });

  test('peeking shows the oldest of what waits and takes nothing', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const ids = [];
    for (const text of ['one', 'two', 'three']) ids.push(await world.send(ann, bob, text));
    expect((await world.peek(bob, 2)).map(({ text }) => text)).toEqual(['one', 'two']);
    await world.confirm(bob, ids.slice(0, 1));
    expect((await world.peek(bob, 2)).map(({ text }) => text)).toEqual(['two', 'three']);
    expect(await world.texts(bob)).toEqual(['two', 'three']);
  });
}
