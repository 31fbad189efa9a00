/** Units of work: what one does commits together, or none of it; those that share a commit do not share their failures. */
import { PeersError } from '../../../shared/errors.ts';
import type { Expect, Test } from '../runner.ts';
import { LOG_START, type Member, type World } from '../world.ts';

const REFUSED = new PeersError('name_taken', 'The unit changed its mind.', 'Do not mind.');

/** Everything that anybody could see of a database. */
async function content(world: World) {
  const { counts, peers, recent } = await world.read(async (u) => ({
    counts: await u.retention.counts(),
    peers: await u.peers.list({ include_offline: true }),
    recent: await u.messages.recent(undefined, 500),
  }));
  return { counts, peers, recent, log: await world.log(LOG_START) };
}

/** Changes something of each kind, and then fails. */
function failing(world: World, ann: Member, bob: Member, error: Error): Promise<never> {
  const more = world.registration({ wanted_name: 'never' });
  const message = world.outgoing(ann, [bob.id, 'operator'], 'never', { key: 'key-never' });
  const waiting = world.waiting([bob]);
  return world.write(async (u) => {
    await u.registering.register(more);
    await u.peers.rename(ann.id, 'never-2');
    await u.peers.update(bob.id, { tags: ['never'] });
    await u.sending.send([message], waiting);
    await u.idleWatches.add(ann.id, bob.id);
    await u.sessions.update(bob.session.id, { activity: 'busy' });
    await u.sessions.end(bob.session.id, 'closed');
    await u.persons.ensure({ id: 'never', name: 'never' }, 'host', 'never');
    throw error;
  });
}

export function units(test: Test, expect: Expect): void {
  test('a unit that fails leaves nothing: no rows, no events, nothing for anybody to hear', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'before');
    const before = await content(world);
    world.news();
    const failed = await failing(world, ann, bob, REFUSED).catch((error: unknown) => error);
    expect(failed).toBe(REFUSED);
    const { events, wakes, handed, ended, moved } = world.news();
    expect([events, [...wakes], handed, [...ended], [...moved]]).toEqual([[], [], [], [], []]);
    expect(await content(world)).toEqual(before);
    await world.restart();
    expect((await content(world)).recent).toEqual(before.recent);
    // what it took is free
    expect((await world.join('never')).name).toBe('never');
    expect(await world.trySend(ann, 'bob', 'now', { key: 'key-never' })).toMatchObject({ ok: true, fresh: true });
  });

  test('what goes wrong in a unit is told in the terms of the product', async (world) => {
    const failed = world.write(() => Promise.reject(new Error('a bug')));
    expect(await failed.catch((error: unknown) => error instanceof PeersError && error.code)).toBe('internal');
    const unread = world.read(() => Promise.reject(REFUSED));
    expect(await unread.catch((error: unknown) => error)).toBe(REFUSED);
  });

  test('of units that wait together each gets its own result, and the failing ones harm no other', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.write((u) => u.peers.update(ann.id, { tags: [] }));
    world.news();
    const texts = Array.from({ length: 12 }, (_, i) => `message ${i}`);
    const results = await Promise.all(
      texts.map(async (text, i) => {
        if (i % 4 === 2) return failing(world, ann, bob, REFUSED).catch((error: unknown) => error);
        const message = world.outgoing(ann, 'bob', text);
        const submit = i % 3 === 0 ? world.note.bind(world) : world.write.bind(world);
        const [sent] = await submit((u) => u.sending.send([message]));
        return sent?.ok ? sent.message_id === message.id : sent;
      }),
    );
    expect(results).toEqual(texts.map((_, i) => (i % 4 === 2 ? REFUSED : true)));
    const good = texts.filter((_, i) => i % 4 !== 2);
    const { events } = world.news();
    expect(events.filter(({ kind }) => kind === 'message.sent')).toHaveLength(good.length);
    expect(events).toHaveLength(good.length);
    expect(await world.texts(bob)).toEqual(good);
    expect((await world.log()).filter(({ kind }) => kind === 'message.sent')).toHaveLength(good.length);
    expect((await world.findPeer('ann'))?.id).toBe(ann.id);
  });

  test('units that wait together see what those before them did, in the order in which they came', async (world) => {
    const names = await Promise.all(Array.from({ length: 5 }, async () => (await world.join('bob')).name));
    expect(names).toEqual(['bob', 'bob-2', 'bob-3', 'bob-4', 'bob-5']);
    const [ann, bob] = await Promise.all([world.findPeer('bob-2'), world.findPeer('bob')]);
    const [first, second] = await Promise.all([
      world.rename({ id: ann?.id ?? '' }, 'boss'),
      world.rename({ id: bob?.id ?? '' }, 'boss'),
    ]);
    expect([first?.name, second]).toEqual(['boss', undefined]);
  });

  test('others hear of a commit before those who wait for it go on', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const heard: string[] = [];
    world.store.onCommit(({ handed }) => heard.push(...handed.map(({ message }) => message.message_id)));
    const id = await world.send(ann, bob, 'hello', { waiting: [bob] });
    expect(heard).toEqual([id]);
  });

  test('who no longer listens hears nothing', async (world) => {
    let commits = 0;
    const stop = world.store.onCommit(() => {
      commits += 1;
    });
    await world.join('ann');
    stop();
    await world.join('bob');
    expect(commits).toBe(1);
  });
}
