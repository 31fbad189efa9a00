/** Names, and what peers say of themselves. */

import type { SessionChanges } from '../../../broker/store/sessions.ts';
import { peerText } from '../../../shared/peer-text.ts';
import type { Expect, Test } from '../runner.ts';
import { HUMAN_ID, USER } from '../world.ts';

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
    expect(await world.rename(bob, 'ANN')).toBe(undefined);
    expect(await world.rename(bob, 'Robert')).toMatchObject({ id: bob.id, name: 'Robert', unread: 1 });
    expect(await world.rename(bob, 'ROBERT')).toMatchObject({ name: 'ROBERT' });
    expect(await world.findPeer('bob')).toBe(undefined);
    expect((await world.findPeer('robert'))?.id).toBe(bob.id);
  });

  test('nobody but the human is called operator', async (world) => {
    const impostor = await world.join('Operator');
    expect(impostor.name).toBe('Operator-2');
    expect(await world.rename(impostor, 'operator')).toBe(undefined);
    const human = await world.findPeer('operator');
    expect(human).toMatchObject({ id: HUMAN_ID, name: 'operator', kind: 'human' });
    const again = await world.write((u) => u.persons.ensure(USER, 'host', 'another'));
    expect(again.id).toBe(HUMAN_ID);
    expect(await world.rename(again, 'boss')).toMatchObject({ name: 'boss' });
    expect(await world.rename(impostor, 'operator')).toBe(undefined);
    expect((await world.join('operator')).name).toBe('operator-3');
    expect(await world.rename(again, 'operator')).toMatchObject({ name: 'operator' });
  });

  test('an automatic summary never replaces one that the agent wrote', async (world) => {
    const ann = await world.join('ann');
    const auto = { summary: peerText('on main'), summary_source: 'auto' } as const;
    expect((await world.update(ann, auto)).summary).toBe('on main');
    expect((await world.update(ann, { summary: peerText('login') })).summary).toBe('login');
    expect((await world.update(ann, auto)).summary).toBe('login');
  });

  test('changes leave the rest as it was; a new status drops the message of the old one', async (world) => {
    const ann = await world.join('ann');
    await world.update(ann, { summary: peerText('login'), tags: ['web', 'api', 'web'] });
    await world.update(ann, { status: 'dnd', status_message: peerText('in a demo') });
    expect(await world.findPeer(ann.id)).toMatchObject({
      summary: 'login',
      tags: ['web', 'api'],
      status: 'dnd',
      status_message: 'in a demo',
    });
    expect(await world.update(ann, { status: 'busy' })).toMatchObject({ status: 'busy', status_message: '' });
  });

  test('the list shows who is online first, by kind if asked, and the others only on request', async (world) => {
    const ann = await world.join('ann');
    await world.join('bob', { kind: 'codex', push_route: 'app-server' });
    world.pass(1_000);
    await world.endSession(ann);
    const list = async (options: Parameters<typeof world.listPeers>[0]) =>
      (await world.listPeers(options)).map(({ name, online, push_route }) => [name, online, push_route]);
    const human = ['operator', false, 'none'];
    expect(await list({ include_offline: false })).toEqual([['bob', true, 'app-server'], human]);
    expect(await list({ include_offline: true })).toEqual([['bob', true, 'app-server'], ['ann', false, 'none'], human]);
    expect(await list({ include_offline: true, kind: 'claude' })).toEqual([['ann', false, 'none']]);
  });

  test('a session reports its route, activity and place', async (world) => {
    const { id, session } = await world.join('ann');
    const report = (changes: SessionChanges) => world.note((u) => u.sessions.update(session.id, changes));
    await report({ push_route: 'channel', activity: 'idle', place: { branch: peerText('main') } });
    await report({ place: { repo: peerText('/code/.git') } });
    await report({ activity: 'busy' });
    expect(await world.findPeer(id)).toMatchObject({
      push_route: 'channel',
      activity: 'busy',
      branch: 'main',
      repo: '/code/.git',
    });
  });

  test('counts tell peers, live sessions and where messages stand', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const read = await world.send(ann, bob, 'read');
    await world.send(ann, bob, 'unread');
    await world.confirm(bob, [read]);
    await world.detach(ann);
    expect(await world.counts()).toEqual({
      peers: 2,
      sessions: 1,
      waiting: 1,
      confirmed: 1,
      orphaned: 0,
    });
    expect((await world.store.facts()).bytes).not.toBe(0);
  });
}
