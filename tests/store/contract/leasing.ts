/** Taking messages out of a mailbox, for a while. */
import { LEASE_MS, LEASED_PER_SENDER } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { type Member, sentToOne, type World } from '../world.ts';

/** So many messages from each of so many peers. @returns the ids */
async function flood(world: World, to: Member, senders: number, each: number): Promise<string[]> {
  const ids: string[] = [];
  for (let s = 0; s < senders; s += 1) {
    const sender = await world.join(`sender-${s}`);
    const outgoing = Array.from({ length: each }, (_, i) => world.outgoing(sender, to.id, `${s} ${i}`));
    await world.sendAll(outgoing);
    ids.push(...outgoing.map(({ id }) => id));
  }
  return ids;
}

export function leasing(test: Test, expect: Expect): void {
  test('messages come in the order they were sent, and are handed out once', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    for (const text of ['one', 'two', 'three']) await world.send(ann, bob, text);
    expect(await world.texts(bob)).toEqual(['one', 'two', 'three']);
    expect(await world.texts(bob)).toEqual([]);
    expect(await world.unread(bob)).toBe(3);
  });

  test('a session that may have missed an answer gets what it holds once more, not marked as redelivered', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'one');
    await world.lease(bob);
    await world.send(ann, bob, 'two');
    const again = await world.lease(bob, true);
    expect(again.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ['one', false],
      ['two', false],
    ]);
  });

  test('what was in an answer that got lost comes again, and nothing else does', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'arrived');
    await world.lease(bob);
    await world.send(ann, bob, 'lost');
    expect((await world.loseAnswer(bob)).map(({ text }) => text)).toEqual(['lost']);
    await world.send(ann, bob, 'new');
    const got = await world.lease(bob);
    expect(got.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ['lost', false],
      ['new', false],
    ]);
    expect(await world.lease(bob)).toEqual([]);
  });

  test('what a send leased to a request whose answer got lost comes again', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const message = world.outgoing(ann, 'bob', 'handed');
    await world.write((u) => u.sending.send([message], () => ({ session: bob.session, request: 7 })));
    expect(await world.take(bob, 8, 7)).toEqual([]);
    const [again] = await world.take(bob, 9, 6);
    expect(again).toMatchObject({ text: 'handed', redelivered: false });
  });

  test('however many were lost, all come again, each once, also while more gets lost and after a restart', async (world) => {
    const bob = await world.join('bob');
    const ids = await flood(world, bob, 11, LEASED_PER_SENDER);
    const known = (await world.lease(bob)).map(({ message_id }) => message_id);
    expect(known).toHaveLength(200);
    // two answers in a row do not arrive, and the broker is killed between them
    await world.loseAnswer(bob);
    await world.restart();
    await world.loseAnswer(bob);
    const got: string[] = [];
    for (;;) {
      const messages = await world.lease(bob);
      if (messages.length === 0) break;
      got.push(...messages.map(({ message_id }) => message_id));
    }
    expect([...known, ...got].sort()).toEqual([...ids].sort());
  });

  test('what was pushed leaves room for more of the same sender, and comes back with the next session', async (world) => {
    const bob = await world.join('bob');
    const ids = await flood(world, bob, 1, 3 * LEASED_PER_SENDER);
    const pushed: string[] = [];
    for (;;) {
      const got = (await world.lease(bob)).map(({ message_id }) => message_id);
      if (got.length === 0) break;
      await world.notePush(bob, got, 'channel');
      pushed.push(...got);
    }
    expect(pushed).toEqual(ids);
    const eve = await world.join('eve');
    const more = await world.trySend(eve, 'bob', 'more', { waiting: [bob] });
    expect(sentToOne(more).handed).toBe(true);
    expect(world.news().handed.map(({ to }) => to.session)).toEqual([bob.session]);
    const later = await world.rejoin(bob);
    expect((await world.entry(ids[0] ?? '')).entry).toMatchObject({ state: 'queued', pushed_at: null });
    const again = await world.lease(later);
    expect(again).toHaveLength(LEASED_PER_SENDER + 1);
    expect(again[0]).toMatchObject({ message_id: ids[0], redelivered: true });
  });

  test('nobody else gets what is leased, until the session ends', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    await world.send(ann, bob, 'for bob');
    expect(await world.texts(bob)).toEqual(['for bob']);
    expect(await world.texts(eve, true)).toEqual([]);
    await world.endSession(bob);
    expect(await world.texts(eve, true)).toEqual([]);
    expect(await world.texts(await world.rejoin(bob))).toEqual(['for bob']);
  });

  test('a lease lapses after 30 s, unless it is renewed', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hold me');
    await world.lease(bob);
    world.pass(LEASE_MS + 1);
    expect(await world.texts(bob)).toEqual(['hold me']);
    world.pass(LEASE_MS - 1);
    await world.renew(bob);
    world.pass(LEASE_MS);
    expect(await world.texts(bob)).toEqual([]);
    world.pass(1);
    const [message] = await world.lease(bob);
    // the same process: it knows by itself what it has shown
    expect(message).toMatchObject({ text: 'hold me', redelivered: false });
  });

  test('what an earlier process may have shown comes marked as redelivered', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'seen perhaps');
    await world.lease(bob);
    await world.send(ann, bob, 'seen by nobody');
    const later = await world.rejoin(bob);
    const got = await world.lease(later);
    expect(got.map(({ text, redelivered }) => [text, redelivered])).toEqual([
      ['seen perhaps', true],
      ['seen by nobody', false],
    ]);
  });

  test('what a session gives back as never shown comes to the next one as new', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const shown = await world.send(ann, bob, 'shown');
    const unseen = await world.send(ann, bob, 'unseen');
    await world.lease(bob);
    await world.endSession(bob, 'closed', [unseen]);
    const got = await world.lease(await world.rejoin(bob));
    expect(got.map(({ message_id, redelivered }) => [message_id, redelivered])).toEqual([
      [shown, true],
      [unseen, false],
    ]);
  });

  test('a process that only lost its broker keeps its messages as they are', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hello');
    await world.lease(bob);
    await world.restart();
    const again = await world.rejoin(bob, { process: bob.session.process });
    expect((await world.lease(again)).map(({ redelivered }) => redelivered)).toEqual([false]);
  });

  test('critical messages go before all others', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'normal');
    await world.send(ann, bob, 'warning', { priority: 'warning' });
    await world.send(ann, bob, 'critical', { priority: 'critical' });
    await world.send(ann, bob, 'info', { priority: 'info' });
    expect((await world.texts(bob))[0]).toBe('critical');
  });

  test('one sender cannot keep the others waiting: a flood holds 50 places, and everybody takes turns', async (world) => {
    const ann = await world.join('ann');
    const eve = await world.join('eve');
    const bob = await world.join('bob');
    const flood = Array.from({ length: LEASED_PER_SENDER + 20 }, (_, i) => world.outgoing(eve, 'bob', `eve ${i}`));
    await world.sendAll(flood);
    await world.send(ann, bob, 'ann 0');
    await world.send(ann, bob, 'ann 1');
    const first = await world.texts(bob);
    expect(first.slice(0, 4)).toEqual(['eve 0', 'ann 0', 'eve 1', 'ann 1']);
    expect(first).toHaveLength(LEASED_PER_SENDER + 2);

    await world.send(ann, bob, 'ann 2');
    expect(await world.texts(bob)).toEqual(['ann 2']);
    await world.confirm(
      bob,
      flood.slice(0, 5).map(({ id }) => id),
    );
    expect(await world.texts(bob)).toEqual(['eve 50', 'eve 51', 'eve 52', 'eve 53', 'eve 54']);
  });

  test('a critical message comes through behind a flood of its own sender', async (world) => {
    const eve = await world.join('eve');
    const bob = await world.join('bob');
    const flood = Array.from({ length: LEASED_PER_SENDER + 1 }, (_, i) => world.outgoing(eve, 'bob', `eve ${i}`));
    await world.sendAll(flood);
    await world.lease(bob);
    await world.send(eve, bob, 'fire', { priority: 'critical' });
    expect(await world.texts(bob)).toEqual(['fire']);
  });

  test('a session that waits has the message leased by the send, and sees what it would have got', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const first = await world.send(ann, bob, 'first');
    await world.confirm(bob, [first]);
    const sent = await world.trySend(ann, 'bob', 'second', { reply_to: first, priority: 'warning', waiting: [bob] });
    const { record, handed } = sentToOne(sent);
    expect(handed).toBe(true);
    expect(record.entry).toMatchObject({ state: 'leased', leased_at: world.now });
    expect((await world.entry(record.message_id)).entry).toMatchObject(record.entry);
    const given = world.news().handed;
    expect(given.map(({ to }) => to.session)).toEqual([bob.session]);
    expect(await world.lease(bob)).toEqual([]);
    expect(await world.lease(bob, true)).toEqual(given.map(({ message }) => message));
  });

  test('who waits with another session than the one that serves the peer is handed nothing', async (world) => {
    const ann = await world.join('ann');
    const old = await world.join('bob');
    const bob = await world.rejoin(old);
    const sent = await world.trySend(ann, 'bob', 'hello', { waiting: [old] });
    expect(sentToOne(sent).handed).toBe(false);
    expect(world.news().handed).toEqual([]);
    expect(await world.texts(bob)).toEqual(['hello']);
  });

  test('a flood is handed over up to the 50 places of its sender, and the rest waits', async (world) => {
    const eve = await world.join('eve');
    const bob = await world.join('bob');
    const flood = Array.from({ length: LEASED_PER_SENDER + 3 }, (_, i) => world.outgoing(eve, 'bob', `eve ${i}`));
    const results = await world.sendAll(flood, [bob]);
    expect(results.filter((sent) => sentToOne(sent).handed)).toHaveLength(LEASED_PER_SENDER);
    const first = flood.slice(0, LEASED_PER_SENDER).map(({ id }) => id);
    expect(world.news().handed.map(({ message }) => message.message_id)).toEqual(first);
    expect(await world.texts(bob)).toEqual([]);
    await world.confirm(bob, [flood[0]?.id ?? '']);
    expect(await world.texts(bob)).toEqual([`eve ${LEASED_PER_SENDER}`]);
  });

  test('a push is noted on the messages that the session holds, and on no others', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const held = await world.send(ann, bob, 'held');
    await world.lease(bob);
    const queued = await world.send(ann, bob, 'queued');
    expect(await world.notePush(eve, [held], 'channel')).toEqual([]);
    expect(await world.notePush(bob, [held, queued], 'channel')).toEqual([held]);
    expect((await world.entry(held)).entry).toMatchObject({ pushed_at: world.now, push_route: 'channel' });
    expect((await world.entry(queued)).entry).toMatchObject({ pushed_at: null, push_route: null });
  });

  test('a failed push is noted with its reason', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'hello');
    await world.lease(bob);
    await world.notePush(bob, [id], 'inbox-socket', 'refused');
    expect((await world.entry(id)).entry).toMatchObject({ pushed_at: null, push_error: 'refused' });
  });
}
