/** One message for several: one text, and for each recipient an entry with a life of its own. */
import { MAILBOX_MAX_WAITING, ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, type Member, type World } from '../world.ts';

/** So many peers, registered in one unit of work. */
async function crowd(world: World, size: number): Promise<Member[]> {
  const all = Array.from({ length: size }, (_, i) => world.registration({ wanted_name: `peer-${i}` }));
  const registered = await world.write(async (u) => {
    const done = [];
    for (const one of all) done.push(await u.registering.register(one));
    return done;
  });
  return registered.map(({ peer, session }, i) => {
    const { id, name } = peer;
    return { id, name, session, credential_hash: all[i]?.credential_hash ?? '' };
  });
}

async function fill(world: World, from: Member, to: Member): Promise<void> {
  for (let left = MAILBOX_MAX_WAITING; left > 0; left -= 1_000)
    await world.sendAll(Array.from({ length: 1_000 }, () => world.outgoing(from, to.id, 'x')));
}

/** The ids of those whom a send reached, in its order, and of those whom it did not. */
async function reached(world: World, from: Member, to: readonly string[], key?: string) {
  const sent = await world.trySend(from, to, 'hello', key === undefined ? {} : { key });
  if (!sent.ok) throw new Error(sent.reason);
  const { message_id, fresh } = sent;
  return {
    message_id,
    fresh,
    to: sent.to.map(({ record }) => record.to.id),
    without: sent.without.map(({ id }) => id),
  };
}

export function recipients(test: Test, expect: Expect): void {
  test('one text comes to each of its recipients, and is one message for whoever watches', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, [bob, eve], 'for both of you');
    for (const member of [bob, eve])
      expect(await world.lease(member)).toMatchObject([
        { message_id: id, text: 'for both of you', redelivered: false },
      ]);
    expect((await world.findMessage(id))?.entries.map(({ to }) => to.name)).toEqual(['bob', 'eve']);
    const recent = await world.read((u) => u.messages.recent(undefined, 10));
    expect(recent.map(({ message_id, to }) => [message_id, to.map(({ name }) => name)])).toEqual([
      [id, ['bob', 'eve']],
    ]);
  });

  test('each entry is leased, pushed and confirmed alone', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    const id = await world.send(ann, [bob, eve, kim], 'hello');
    await world.lease(bob);
    await world.lease(eve);
    expect(await world.notePush(bob, [id], 'channel')).toEqual([id]);
    expect(await world.confirm(eve, [id], 'hook')).toEqual([id]);
    expect((await world.entry(id, bob)).entry).toMatchObject({ state: 'leased', push_route: 'channel' });
    expect((await world.entry(id, eve)).entry).toMatchObject({
      state: 'confirmed',
      confirmed_by: 'hook',
      pushed_at: null,
    });
    expect((await world.entry(id, kim)).entry).toMatchObject({ state: 'queued', leased_at: null });
    const unread = [await world.unread(bob), await world.unread(eve), await world.unread(kim)];
    expect(unread).toEqual([1, 0, 1]);
    expect(await world.counts()).toMatchObject({ waiting: 2, confirmed: 1 });
    expect(await world.confirm(bob, [id])).toEqual([id]);
    expect(await world.texts(kim)).toEqual(['hello']);
  });

  test('those who wait are handed it in the commit that stores it, the others find it', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    world.news();
    const sent = await world.trySend(ann, ['kim', 'eve', 'bob'], 'hello', { waiting: [bob, kim] });
    expect(sent.ok && sent.to.map(({ record, handed }) => [record.to.name, record.entry.state, handed])).toEqual([
      ['kim', 'leased', true],
      ['eve', 'queued', false],
      ['bob', 'leased', true],
    ]);
    const { handed, wakes } = world.news();
    expect(handed.map(({ to }) => to.session.id)).toEqual([kim.session.id, bob.session.id]);
    expect([...wakes]).toEqual([eve.id]);
    for (const member of [bob, kim]) expect(await world.texts(member)).toEqual([]);
    expect(await world.texts(eve)).toEqual(['hello']);
  });

  test('a crowd that waits is handed a message in one commit', async (world) => {
    const [ann, ...others] = await crowd(world, 301);
    if (!ann) throw new Error('nobody');
    let commits = 0;
    world.store.onCommit(() => {
      commits += 1;
    });
    const ids = others.map(({ id }) => id);
    world.news();
    const sent = await world.trySend(ann, ids, 'to all', { waiting: others });
    expect(commits).toBe(1);
    expect(sent.ok && sent.to.map(({ record }) => record.to.id)).toEqual(ids);
    expect(world.news().handed.map(({ to }) => to.session.peer_id)).toEqual(ids);
    expect(await world.counts()).toMatchObject({ waiting: 300 });
  });

  test('naming somebody twice, by name and by id, is naming them once; naming oneself means the others', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const sent = await reached(world, ann, ['eve', 'ANN', bob.id, 'Bob', ann.id, eve.id]);
    expect(sent).toMatchObject({ to: [eve.id, bob.id], without: [] });
    expect([await world.texts(bob), await world.texts(eve), await world.texts(ann)]).toEqual([
      ['hello'],
      ['hello'],
      [],
    ]);
    expect(await world.trySend(ann, ['ann', ann.id], 'hm')).toEqual({ ok: false, reason: 'to-self' });
  });

  test('where one of them does not exist nobody gets it', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    world.news();
    const sent = await world.trySend(ann, ['bob', 'bop'], 'hm');
    expect(sent).toMatchObject({ ok: false, reason: 'no-such-peer', ref: 'bop' });
    expect(await world.texts(bob)).toEqual([]);
    expect(world.news().events).toEqual([]);
  });

  test('where a mailbox among them is full the others get it, and the sender learns who does not', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    await fill(world, ann, bob);
    const first = await reached(world, ann, ['eve', 'bob', 'kim'], 'key-0001');
    expect(first).toMatchObject({ fresh: true, to: [eve.id, kim.id], without: [bob.id] });
    expect(await world.unread(bob)).toBe(MAILBOX_MAX_WAITING);
    expect(await reached(world, ann, ['eve', 'bob', 'kim'], 'key-0001')).toEqual({ ...first, fresh: false });
    expect(await world.trySend(ann, 'bob', 'and alone')).toEqual({ ok: false, reason: 'mailbox-full' });
    for (const member of [eve, kim]) expect(await world.texts(member)).toEqual(['hello']);
  });

  test('a repeated send is the same message for all, in the same order, whatever became of it', async (world) => {
    const ann = await world.join('ann');
    const [kim, bob, eve] = [await world.join('kim'), await world.join('bob'), await world.join('eve')];
    const named = ['kim', 'bob', 'eve'];
    const first = await reached(world, ann, named, 'key-0001');
    const again = { ...first, fresh: false };
    expect(await reached(world, ann, named, 'key-0001')).toEqual(again);
    await world.confirm(bob, [first.message_id]);
    await world.endSession(kim);
    expect(await reached(world, ann, [eve.id, 'kim', bob.id], 'key-0001')).toEqual({
      ...again,
      to: [eve.id, kim.id, bob.id],
    });
    await world.requeue(first.message_id, ann, kim);
    expect(await reached(world, ann, named, 'key-0001')).toEqual({ ...again, to: [ann.id, bob.id, eve.id] });
    expect(await world.counts()).toMatchObject({ waiting: 2, confirmed: 1 });
  });

  test('two tries that are sent together are one message', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const twin = () => world.outgoing(ann, ['eve', 'bob'], 'once', { key: 'key-0001' });
    const [first, second] = await world.sendAll([twin(), twin()]);
    const ids = [eve.id, bob.id];
    for (const sent of [first, second]) expect(sent?.ok && sent.to.map(({ record }) => record.to.id)).toEqual(ids);
    expect(second).toMatchObject({ ok: true, fresh: false, message_id: first?.ok && first.message_id });
    expect([await world.texts(bob), await world.texts(eve)]).toEqual([['once'], ['once']]);
  });

  test('a key belongs to its recipients: whoever did not get the message is never said to have it', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const first = await reached(world, ann, ['bob', 'eve'], 'key-0001');
    expect(await world.trySend(ann, 'bob', 'hello', { key: 'key-0001' })).toEqual({ ok: false, reason: 'key-reused' });
    const kim = await world.join('kim');
    expect(await reached(world, ann, ['bob', 'kim', 'eve'], 'key-0001')).toEqual({
      ...first,
      fresh: false,
      to: [bob.id, eve.id],
      without: [kim.id],
    });
    expect(await world.texts(kim)).toEqual([]);
  });

  test('each recipient may answer, and has read its own entry by that; the others have not', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    const question = await world.send(ann, [bob, eve], 'question');
    const answer = await world.send(bob, [ann, eve], 'answer', { reply_to: question });
    expect((await world.entry(question, bob)).entry).toMatchObject({ state: 'confirmed', confirmed_by: 'named' });
    expect((await world.entry(question, eve)).entry.state).toBe('queued');
    const more = await world.send(eve, [bob, ann], 'more', { reply_to: answer });
    expect(await world.trySend(kim, 'ann', 'me too', { reply_to: question })).toEqual({
      ok: false,
      reason: 'no-such-reply-to',
    });
    const got = await world.lease(ann);
    expect(got.map(({ message_id, reply_to, conversation_id }) => [message_id, reply_to, conversation_id])).toEqual([
      [answer, question, question],
      [more, answer, question],
    ]);
  });

  test('of a message for several one entry is requeued, from whom is said; without that it is ambiguous', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    const id = await world.send(ann, [bob, eve], 'somebody do this');
    const what = { message_id: id, from: undefined };
    const ambiguous = await world.write((u) => u.orphans.requeue(what, kim.id));
    expect(ambiguous).toEqual({ ambiguous: ['bob', 'eve'] });
    expect(await world.requeue(id, kim, bob)).toEqual([id]);
    expect([await world.texts(bob), await world.texts(eve), await world.texts(kim)]).toEqual([
      [],
      ['somebody do this'],
      ['somebody do this'],
    ]);
    await world.confirm(kim, [id]);
    expect(await world.requeue(id, bob)).toEqual([id]);
    expect(await world.lease(bob)).toMatchObject([{ message_id: id, redelivered: false }]);
  });

  test('whoever has a requeued message already gets it once, also where its own was given up', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve, kim] = [await world.join('bob'), await world.join('eve'), await world.join('kim')];
    const one = await world.send(ann, [bob, eve, kim], 'one');
    expect(await world.requeue(one, eve, bob)).toEqual([one]);
    expect(await world.texts(eve)).toEqual(['one']);
    await world.confirm(eve, [one]);
    expect(await world.requeue(one, eve, kim)).toEqual([one]);
    expect(await world.texts(eve, true)).toEqual([]);

    const two = await world.send(ann, [bob, eve], 'two');
    for (const member of [bob, eve]) await world.endSession(member);
    world.pass(8 * DAY_MS);
    await world.applyRetention({ undelivered_before: world.now, absent_before: world.now - ORPHAN_GRACE_MS });
    expect((await world.entry(two, eve)).entry.state).toBe('orphaned');
    expect(await world.requeue(two, eve, bob)).toEqual([two]);
    expect(await world.texts(await world.rejoin(eve))).toEqual(['two']);
    expect(await world.counts()).toMatchObject({ waiting: 1, confirmed: 1, orphaned: 0 });
  });

  test('the text stays for as long as one of its entries does', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const id = await world.send(ann, [bob, eve], 'kept');
    await world.confirm(bob, [id]);
    world.pass(DAY_MS);
    await world.applyRetention({ confirmed_before: world.now });
    expect((await world.findMessage(id))?.entries.map(({ to }) => to.name)).toEqual(['eve']);
    await world.confirm(eve, [id]);
    world.pass(1);
    await world.applyRetention({ confirmed_before: world.now });
    expect(await world.findMessage(id)).toBe(undefined);
  });

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
