/** Sessions, and how each finds the peer that it was before. */
import type { Conversation } from '../../../shared/contract/types.ts';
import { peerText } from '../../../shared/peer-text.ts';
import type { Expect, Test } from '../runner.ts';

const THREAD: Conversation = { client: 'claude', id: 'thread-1' };
const OTHER_THREAD: Conversation = { client: 'claude', id: 'thread-2' };

export function identity(test: Test, expect: Expect): void {
  test('a token finds its session, also after it ended and why', async (world) => {
    const { member } = await world.register({ token_hash: 'hash of a token' });
    const find = (token_hash: string) => world.read((u) => u.sessions.find(token_hash));
    expect(await find('hash of a token')).toEqual(member.session);
    expect(await find('hash of another')).toBe(undefined);
    await world.endSession(member);
    expect(await find('hash of a token')).toMatchObject({ ended: true, end_reason: 'closed' });
  });

  test('with its credential a name gets its peer and mailbox back', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.endSession(bob);
    await world.send(ann, bob, 'while you were away');
    const again = await world.register({ wanted_name: 'bob', cwd: peerText('/elsewhere') });
    expect(again).toMatchObject({
      resumed: true,
      superseded: null,
      peer: { id: bob.id, name: 'bob', cwd: '/elsewhere' },
    });
    expect(await world.texts(again.member)).toEqual(['while you were away']);
  });

  test('without the credential, or with a wrong one, a taken name gets a number', async (world) => {
    const bob = await world.join('bob');
    await world.endSession(bob);
    const stranger = await world.register({ wanted_name: 'bob', credential_hash: 'of another home' });
    expect(stranger).toMatchObject({ resumed: false, peer: { name: 'bob-2' } });
    const thief = await world.register({ wanted_name: 'bob', earlier_peer_id: bob.id, credential_hash: 'guessed' });
    expect(thief).toMatchObject({ resumed: false, peer: { name: 'bob-3' } });
  });

  test('a peer whose session lives is not taken over by its name', async (world) => {
    const bob = await world.join('bob');
    const second = await world.register({ wanted_name: 'bob', is_live: () => true });
    expect(second).toMatchObject({ resumed: false, superseded: null, peer: { name: 'bob-2' } });
    expect((await world.sessionOf(bob))?.ended).toBe(false);
  });

  test('the session of a dead process gives way, and says why', async (world) => {
    const bob = await world.join('bob');
    const again = await world.register({ wanted_name: 'bob', is_live: () => false });
    expect(again).toMatchObject({ resumed: true, superseded: bob.session.id, peer: { id: bob.id } });
    expect(await world.sessionOf(bob)).toMatchObject({
      ended: true,
      end_reason: 'superseded',
    });
  });

  test('a process that registers again is itself, though its session lives', async (world) => {
    const bob = await world.join('bob');
    const again = await world.register({
      wanted_name: 'bob',
      process: bob.session.process,
      is_live: () => true,
    });
    expect(again).toMatchObject({ resumed: true, peer: { id: bob.id } });
  });

  test('of several peers of one name the first that nobody serves is taken', async (world) => {
    const bob = await world.join('bob');
    const bob2 = await world.join('bob');
    await world.endSession(bob2);
    expect((await world.register({ wanted_name: 'bob' })).peer.id).toBe(bob2.id);
    await world.endSession(bob);
    expect((await world.register({ wanted_name: 'bob' })).peer.id).toBe(bob.id);
  });

  test('a resumed conversation is the same peer; the newer of two processes wins', async (world) => {
    const first = await world.register({ conversation: THREAD });
    const second = await world.register({ conversation: THREAD });
    expect(second).toMatchObject({ resumed: true, superseded: first.member.session.id, peer: { id: first.peer.id } });
    const other = await world.register({ conversation: OTHER_THREAD });
    expect(other).toMatchObject({ resumed: false });
    const sameIdOfAnotherClient = await world.register({
      kind: 'codex',
      conversation: { client: 'codex', id: THREAD.id },
    });
    expect(sameIdOfAnotherClient).toMatchObject({ resumed: false });
  });

  test('a session that learns its conversation later becomes the earlier peer, and its mail moves along', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ wanted_name: 'earlier', conversation: THREAD });
    await world.endSession(earlier.member);
    await world.trySend(ann, 'earlier', 'to the earlier');
    const fresh = await world.register({ fallback_name: () => 'fresh', cwd: peerText('/new') });
    await world.trySend(ann, 'fresh', 'to the fresh');

    world.news();
    const bound = await world.bind(fresh.member, THREAD);
    expect([...world.news().ended]).toEqual([]);
    expect(bound).toMatchObject({
      adopted: true,
      peer: { id: earlier.peer.id, name: 'earlier', cwd: '/new', online: true, unread: 2 },
    });
    const session = await world.sessionOf(fresh.member);
    expect(session?.peer_id).toBe(earlier.peer.id);
    const got = await world.lease(await world.nowOf(fresh.member));
    expect(got.map(({ text }) => text)).toEqual(['to the earlier', 'to the fresh']);

    await world.trySend(ann, 'fresh', 'to the old name');
    await world.trySend(ann, fresh.peer.id, 'to the old id');
    expect(await world.unread(earlier.peer)).toBe(4);
    expect((await world.findPeer('fresh'))?.id).toBe(earlier.peer.id);
    expect((await world.listPeers({ include_offline: true })).map(({ name }) => name).sort()).toEqual([
      'ann',
      'earlier',
      'operator',
    ]);
  });

  test('what a fresh peer held leased stays with its session when it becomes the earlier peer', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.endSession(earlier.member);
    const fresh = await world.register();
    const id = await world.send(ann, fresh.member, 'held');
    await world.lease(fresh.member);
    await world.bind(fresh.member, THREAD);
    const bound = await world.nowOf(fresh.member);
    expect(bound.id).toBe(earlier.peer.id);
    expect(await world.lease(bound)).toEqual([]);
    expect(await world.confirm(bound, [id])).toEqual([id]);
  });

  test('what a fresh peer had sent is its own after it became the earlier peer', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.endSession(earlier.member);
    const fresh = await world.register();
    const id = await world.send(fresh.member, ann, 'from the fresh');
    await world.bind(fresh.member, THREAD);
    expect((await world.findMessage(id))?.message.from.id).toBe(earlier.peer.id);
    expect(await world.trySend(await world.nowOf(fresh.member), 'ann', 'more', { reply_to: id })).toMatchObject({
      ok: true,
    });
  });

  test('the first to bind a conversation is its peer; binding again changes nothing', async (world) => {
    const { member, peer } = await world.register();
    for (let i = 0; i < 2; i += 1) {
      expect(await world.bind(member, THREAD)).toMatchObject({ adopted: false, peer: { id: peer.id } });
    }
    expect([...world.news().ended]).toEqual([]);
    await world.endSession(member);
    expect((await world.register({ conversation: THREAD })).peer.id).toBe(peer.id);
  });

  test('binding takes the conversation from the session that has it', async (world) => {
    const first = await world.register({ conversation: THREAD });
    const second = await world.register();
    const bound = await world.bind(second.member, THREAD);
    expect(bound).toMatchObject({ adopted: true, peer: { id: first.peer.id } });
    expect([...world.news().ended]).toEqual([first.member.session.id]);
    expect(await world.sessionOf(first.member)).toMatchObject({ ended: true, end_reason: 'superseded' });
  });

  test('a peer that has a conversation of its own is left, not merged, when its session turns to another', async (world) => {
    const ann = await world.join('ann');
    const one = await world.register({ wanted_name: 'one', conversation: THREAD });
    const two = await world.register({ wanted_name: 'two', conversation: OTHER_THREAD });
    await world.endSession(two.member);
    await world.trySend(ann, 'one', 'for thread 1');
    await world.bind(one.member, OTHER_THREAD);
    expect((await world.findPeer('one'))?.id).toBe(one.peer.id);
    expect((await world.findPeer('two'))?.online).toBe(true);
    const back = await world.register({ conversation: THREAD });
    expect(back.peer.id).toBe(one.peer.id);
    expect(await world.texts(back.member)).toEqual(['for thread 1']);
  });

  test('a conversation that its live session has left behind opens a peer of its own, and disturbs nobody', async (world) => {
    const first = await world.register({ conversation: THREAD });
    await world.bind(first.member, OTHER_THREAD);
    expect((await world.register({ conversation: THREAD, is_live: () => true })).peer.id).not.toBe(first.peer.id);
    const late = await world.register();
    const bound = await world.bind(late.member, THREAD);
    expect(bound.peer.id).not.toBe(first.peer.id);
    expect((await world.findPeer(first.peer.id))?.online).toBe(true);
  });

  test('a peer that was started by a name is left, not merged, when its session turns to a conversation', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.endSession(earlier.member);
    const bob = await world.join('bob');
    await world.send(ann, bob, 'for bob');
    expect(await world.bind(bob, THREAD)).toMatchObject({ adopted: true, peer: { id: earlier.peer.id, unread: 0 } });
    const back = await world.register({ wanted_name: 'bob' });
    expect(back.peer.id).toBe(bob.id);
    expect(await world.texts(back.member)).toEqual(['for bob']);
  });

  test('a name that a peer had by a rename leads to it for good once a session was started by it', async (world) => {
    const bob = await world.join('bob');
    const start = async (wanted_name: string) => {
      const { peer } = await world.register({ wanted_name, is_live: () => false });
      return peer.id;
    };
    await world.rename(bob, 'boss');
    expect(await start('boss')).toBe(bob.id);
    await world.rename(bob, 'chief');
    for (const name of ['chief', 'boss', 'bob']) expect(await start(name)).toBe(bob.id);
    await world.rename(bob, 'robert');
    await world.rename(bob, 'rob');
    // nobody ever asked for it
    expect(await start('robert')).not.toBe(bob.id);
  });

  test('a session without the credential of its peer, or of another kind of client, binds nothing', async (world) => {
    const first = await world.register({ conversation: THREAD });
    const second = await world.register();
    const stays = { allowed: false, adopted: false, peer: { id: second.peer.id } };
    expect(await world.bind(second.member, THREAD, { credential_hash: 'guessed' })).toMatchObject(stays);
    expect(await world.bind(second.member, { client: 'codex', id: THREAD.id })).toMatchObject(stays);
    expect([...world.news().ended]).toEqual([]);
    expect(await world.sessionOf(first.member)).toMatchObject({ ended: false });
  });

  test('a live session that is not known to serve the conversation is not superseded by it', async (world) => {
    const named = await world.register({ wanted_name: 'bob', conversation: THREAD });
    await world.endSession(named.member);
    // another client by the same name, which has not said what it serves
    const codex = await world.register({ wanted_name: 'bob', kind: 'codex' });
    expect(codex.peer.id).toBe(named.peer.id);
    const resumed = await world.register({ conversation: THREAD, is_live: () => true });
    expect(resumed).toMatchObject({ resumed: false, superseded: null });
  });

  test('a process whose answer was lost is the same peer, though it has neither name nor conversation', async (world) => {
    const first = await world.register({ process: 'the same process' });
    const again = await world.register({ process: 'the same process' });
    expect(again).toMatchObject({ resumed: true, peer: { id: first.peer.id } });
    await world.endSession(again.member, 'lost');
    const late = await world.register({ earlier_peer_id: first.peer.id });
    expect(late).toMatchObject({ resumed: true, peer: { id: first.peer.id } });
    const other = await world.register({ earlier_peer_id: first.peer.id, is_live: () => true });
    expect(other.resumed).toBe(false);
  });

  test('a process that was away while a newer one opened its conversation does not take it back', async (world) => {
    const older = await world.register({ conversation: THREAD });
    await world.endSession(older.member, 'lost');
    const newer = await world.register({ conversation: THREAD });
    const back = { conversation: THREAD, process: older.member.session.process, earlier_peer_id: older.peer.id };
    const refused = await world.register(back).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'session_superseded' });
    await world.endSession(newer.member);
    expect((await world.register(back)).peer.id).toBe(older.peer.id);
  });

  test('a process that was away finds the peer that its conversation has now, not the one it was', async (world) => {
    const away = await world.register({ conversation: THREAD });
    await world.endSession(away.member, 'lost');
    const next = await world.register({ conversation: THREAD });
    await world.bind(next.member, OTHER_THREAD);
    const last = await world.register({ conversation: THREAD });
    for (const { member } of [next, last]) await world.endSession(member);
    const { process } = away.member.session;
    const back = await world.register({ conversation: THREAD, process, earlier_peer_id: away.peer.id });
    expect(back.peer.id).toBe(last.peer.id);
    expect((await world.register({ conversation: OTHER_THREAD })).peer.id).toBe(away.peer.id);
  });

  test('a session that stays away is given up, and its leases return', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hello');
    await world.lease(bob);
    await world.detach(bob);
    expect(await world.endDetachedBefore(world.now)).toEqual([]);
    world.pass(60_000);
    expect(await world.endDetachedBefore(world.now)).toEqual([bob.session.id]);
    expect(await world.sessionOf(bob)).toMatchObject({
      ended: true,
      end_reason: 'lost',
    });
    // seen last when it detached, not when it was given up
    expect((await world.findPeer('bob'))?.last_seen_at).toBe(world.now - 60_000);
    expect(await world.texts(await world.rejoin(bob))).toEqual(['hello']);
  });

  test('after a restart everybody has to attach again before being shown as online', async (world) => {
    await world.join('ann');
    const bob = await world.join('bob');
    world.pass(5_000);
    await world.restart();
    expect((await world.counts()).sessions).toBe(0);
    expect((await world.findPeer('bob'))?.last_seen_at).toBe(world.now);
    await world.attach(bob);
    expect((await world.listPeers({ include_offline: false })).map(({ name }) => name)).toEqual(['bob', 'operator']);
  });
}
