/** Names, and what peers say of themselves. */

import { peerText } from '../../../shared/peer-text.ts';
import type { Expect, Test } from '../runner.ts';

export function peers(test: Test, expect: Expect): void {
  test('names differ in more than case', async (world) => {
    const names = [];
    for (const name of ['Bob', 'bob', 'BOB']) names.push((await world.join(name)).name);
    expect(names).toEqual(['Bob', 'bob-2', 'BOB-3']);
  });

  test('a random name that is taken is drawn again, and numbered if there is no other', async (world) => {
    await world.join('red-fox');
    const draws = ['red-fox', 'Red-Fox', 'blue-elk'];
    const drawn = await world.register({ fallback_name: () => draws.shift() ?? 'red-fox' });
    expect(drawn.peer.name).toBe('blue-elk');
    expect((await world.register({ fallback_name: () => 'red-fox' })).peer.name).toBe('red-fox-2');
  });

  test('a rename keeps id and mailbox; a taken name is refused, a change of case is not', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hello');
    expect(await world.store.renamePeer(bob.id, 'ANN')).toBe(undefined);
    expect(await world.store.renamePeer(bob.id, 'Robert')).toMatchObject({ id: bob.id, name: 'Robert', unread: 1 });
    expect(await world.store.renamePeer(bob.id, 'ROBERT')).toMatchObject({ name: 'ROBERT' });
    expect(await world.store.findPeer('bob')).toBe(undefined);
    expect((await world.store.findPeer('robert'))?.id).toBe(bob.id);
  });

  test('nobody but the human is called operator', async (world) => {
    const impostor = await world.join('Operator');
    expect(impostor.name).toBe('Operator-2');
    expect(await world.store.renamePeer(impostor.id, 'operator')).toBe(undefined);
    const human = await world.store.operatorPeer('the-human', peerText('host'), world.now);
    expect(human).toMatchObject({ id: 'the-human', name: 'operator', kind: 'human' });
    expect((await world.store.operatorPeer('another', peerText('host'), world.now)).id).toBe('the-human');
    expect(await world.store.renamePeer(human.id, 'boss')).toMatchObject({ name: 'boss' });
    expect(await world.store.renamePeer(impostor.id, 'operator')).toBe(undefined);
    expect(await world.store.renamePeer(human.id, 'operator')).toMatchObject({ name: 'operator' });
  });

  test('an automatic summary never replaces one that the agent wrote', async (world) => {
    const { id } = await world.join('ann');
    const auto = { summary: peerText('on main'), summary_source: 'auto' } as const;
    expect((await world.store.updatePeer(id, auto)).summary).toBe('on main');
    expect((await world.store.updatePeer(id, { summary: peerText('login') })).summary).toBe('login');
    expect((await world.store.updatePeer(id, auto)).summary).toBe('login');
  });

  test('changes leave the rest as it was; a new status drops the message of the old one', async (world) => {
    const { id } = await world.join('ann');
    await world.store.updatePeer(id, { summary: peerText('login'), tags: ['web', 'api', 'web'] });
    await world.store.updatePeer(id, { status: 'dnd', status_message: peerText('in a demo') });
    expect(await world.store.findPeer(id)).toMatchObject({
      summary: 'login',
      tags: ['web', 'api'],
      status: 'dnd',
      status_message: 'in a demo',
    });
    expect(await world.store.updatePeer(id, { status: 'busy' })).toMatchObject({ status: 'busy', status_message: '' });
  });

  test('the list shows who is online first, by kind if asked, and the others only on request', async (world) => {
    const ann = await world.join('ann');
    await world.join('bob', { kind: 'codex', push_route: 'app-server' });
    world.pass(1_000);
    await world.store.endSession(ann.session.id, 'closed', [], world.now);
    const list = async (options: Parameters<typeof world.store.listPeers>[0]) =>
      (await world.store.listPeers(options)).map(({ name, online, push_route }) => [name, online, push_route]);
    expect(await list({ include_offline: false })).toEqual([['bob', true, 'app-server']]);
    expect(await list({ include_offline: true })).toEqual([
      ['bob', true, 'app-server'],
      ['ann', false, 'none'],
    ]);
    expect(await list({ include_offline: true, kind: 'claude' })).toEqual([['ann', false, 'none']]);
  });

  test('a session reports its route, activity and branch', async (world) => {
    const { id, session } = await world.join('ann');
    await world.store.updateSession(session.id, { push_route: 'channel', activity: 'idle', branch: peerText('main') });
    await world.store.updateSession(session.id, { activity: 'busy' });
    expect(await world.store.findPeer(id)).toMatchObject({ push_route: 'channel', activity: 'busy', branch: 'main' });
  });

  test('counts tell peers, live sessions and where messages stand', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.operatorPeer('the-human', peerText('host'), world.now);
    const read = await world.send(ann, bob, 'read');
    await world.send(ann, bob, 'unread');
    await world.confirm(bob, [read]);
    await world.store.markDetached(ann.session.id, world.now);
    expect(await world.store.counts(world.now)).toEqual({
      peers: 2,
      sessions: 1,
      waiting: 1,
      confirmed: 1,
      orphaned: 0,
    });
    expect((await world.store.facts()).bytes).not.toBe(0);
  });
}
