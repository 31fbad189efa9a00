/** Several brokers on one database: whose a session's attachment is, and what becomes of it when a broker ends. */
import type { Expect, Test } from '../runner.ts';
import type { World } from '../world.ts';

async function online(world: World): Promise<string[]> {
  const listed = await world.listPeers({ include_offline: true });
  return listed.flatMap(({ name, online }) => (online ? [name] : [])).sort();
}

function silentSince(world: World, cut: number): Promise<string[]> {
  return world.read((u) => u.instances.silentSince(cut));
}

export function instances(test: Test, expect: Expect): void {
  test('a late detach never undoes a newer attach, here or at another broker', async (world) => {
    const here = world.broker;
    const there = await world.startBroker();
    const bob = await world.join('bob');
    const first = world.attachmentOf(bob);
    const second = await world.attach(bob);
    expect(second).toBe(first + 1);
    expect(await world.detach(bob, first)).toBe(undefined);
    expect(await online(world)).toEqual(['bob']);

    world.use(there);
    const third = await world.attach(bob);
    world.use(here);
    // the connection to the broker before breaks only now
    for (const number of [second, third]) expect(await world.detach(bob, number)).toBe(undefined);
    expect(await online(world)).toEqual(['bob']);
    world.use(there);
    expect(await world.detach(bob, third)).toBe(bob.id);
    expect(await online(world)).toEqual([]);
    expect(await world.detach(bob, third)).toBe(undefined);
  });

  test('a broker that starts detaches the sessions of those that are dead, and of no others', async (world) => {
    const living = world.broker;
    await world.join('ann');
    const dead = await world.startBroker();
    world.use(dead);
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    world.use(living);
    await world.attach(eve);
    await world.crashBroker(dead);
    expect(await online(world)).toEqual(['ann', 'bob', 'eve']);
    world.news();
    world.pass(1_000);
    await world.startBroker([dead]);
    expect(await online(world)).toEqual(['ann', 'eve']);
    expect(world.news().events).toEqual([{ kind: 'peer.offline', peer_id: bob.id }]);
    expect((await world.findPeer('bob'))?.last_seen_at).toBe(world.now);
    expect(await world.sessionOf(bob)).toMatchObject({ ended: false });
    await world.attach(bob);
    expect(await online(world)).toEqual(['ann', 'bob', 'eve']);
  });

  test('a broker that stops detaches its own sessions, and of no others', async (world) => {
    const stays = world.broker;
    await world.join('ann');
    const goes = await world.startBroker();
    world.use(goes);
    const bob = await world.join('bob');
    world.news();
    await world.stopBroker(goes);
    world.use(stays);
    expect(world.news().events).toEqual([{ kind: 'peer.offline', peer_id: bob.id }]);
    expect(await online(world)).toEqual(['ann']);
    // nobody has to notice anything
    expect(await world.read((u) => u.instances.onHost('host'))).toMatchObject([{ id: stays.id }]);
  });

  test('leases and mail are of the database: a session goes on at another broker as if nothing had been', async (world) => {
    const ann = await world.join('ann');
    const there = await world.startBroker();
    const bob = await world.join('bob');
    const held = await world.send(ann, bob, 'held');
    await world.lease(bob);
    world.use(there);
    await world.attach(bob);
    expect(await world.texts(bob)).toEqual([]);
    expect(await world.notePush(bob, [held], 'channel')).toEqual([held]);
    expect(await world.trySend(ann, 'bob', 'next', { waiting: [bob] })).toMatchObject({ to: [{ handed: true }] });
    expect(await world.confirm(bob, [held])).toEqual([held]);
    expect(await world.counts()).toMatchObject({ waiting: 1, confirmed: 1 });
  });

  test('a session superseded at one broker is so at every other', async (world) => {
    const here = world.broker;
    const there = await world.startBroker();
    const ann = await world.join('ann');
    const old = await world.join('bob');
    world.use(there);
    const bob = await world.rejoin(old);
    await world.send(ann, bob, 'for the newer');
    world.use(here);
    expect(await world.texts(old)).toEqual([]);
    const known = new Map([ann, old, bob].map(({ session, id }) => [session.id, id]));
    const changed = await world.read((u) => u.sessions.changed(known));
    expect([changed.ended, [...changed.moved]]).toEqual([[old.session.id], []]);
    world.use(there);
    expect(await world.texts(bob)).toEqual(['for the newer']);
  });

  test('a session that serves another peer by now is noticed at every broker', async (world) => {
    const there = await world.startBroker();
    const { member: earlier } = await world.register({ conversation: { client: 'claude', id: 'thread-1' } });
    await world.endSession(earlier);
    const { member: fresh } = await world.register();
    const known = new Map([[fresh.session.id, fresh.id]]);
    await world.bind(fresh, { client: 'claude', id: 'thread-1' });
    expect([...world.news().moved]).toEqual([[fresh.session.id, earlier.id]]);
    world.use(there);
    const { ended, moved } = await world.read((u) => u.sessions.changed(known));
    expect([ended, [...moved]]).toEqual([[], [[fresh.session.id, earlier.id]]]);
  });

  test('a broker is silent since its last beat, and learns when others took it for dead', async (world) => {
    const first = world.broker;
    world.pass(1);
    const second = await world.startBroker();
    const beat = () => world.note((u) => u.instances.beat());
    expect(await silentSince(world, world.now)).toEqual([]);
    world.use(second);
    expect(await silentSince(world, world.now)).toEqual([first.id]);
    world.use(first);
    expect(await beat()).toBe(true);
    world.use(second);
    expect(await silentSince(world, world.now)).toEqual([]);
    const ann = await world.join('ann');
    world.use(first);
    await world.bury([second]);
    expect(await online(world)).toEqual([]);
    world.use(second);
    expect(await beat()).toBe(false);
    await world.write((u) => u.instances.start({ id: second.id, host: 'host', pid: 1 }));
    expect(await beat()).toBe(true);
    await world.attach(ann);
    expect(await online(world)).toEqual(['ann']);
  });

  test('brokers of a host are known with their processes, those of others are not among them', async (world) => {
    const { id } = world.broker;
    await world.write((u) => u.instances.start({ id: 'elsewhere', host: 'other-host', pid: 7 }));
    expect(await world.read((u) => u.instances.onHost('host'))).toEqual([{ id, host: 'host', pid: 4242 }]);
    expect(await world.read((u) => u.instances.onHost('other-host'))).toEqual([
      { id: 'elsewhere', host: 'other-host', pid: 7 },
    ]);
  });
}
