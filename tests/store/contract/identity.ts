/** Sessions, and how each finds the peer that it was before. */
import type { Conversation } from '../../../shared/contract/types.ts';
import { peerText } from '../../../shared/peer-text.ts';
import type { Expect, Test } from '../runner.ts';

const THREAD: Conversation = { client: 'claude', id: 'thread-1' };
const OTHER_THREAD: Conversation = { client: 'claude', id: 'thread-2' };

export function identity(test: Test, expect: Expect): void {
  test('a token finds its session, also after it ended and why', async (world) => {
    const { member } = await world.register({ token_hash: 'hash of a token' });
    expect(await world.store.findSession('hash of a token')).toEqual(member.session);
    expect(await world.store.findSession('hash of another')).toBe(undefined);
    await world.store.endSession(member.session.id, 'closed', [], world.now);
    expect(await world.store.findSession('hash of a token')).toMatchObject({ ended: true, end_reason: 'closed' });
  });

  test('with its credential a name gets its peer and mailbox back', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.store.endSession(bob.session.id, 'closed', [], world.now);
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
    await world.store.endSession(bob.session.id, 'closed', [], world.now);
    const stranger = await world.register({ wanted_name: 'bob', credential_hash: 'of another home' });
    expect(stranger).toMatchObject({ resumed: false, peer: { name: 'bob-2' } });
    const thief = await world.register({ wanted_name: 'bob', earlier_peer_id: bob.id, credential_hash: 'guessed' });
    expect(thief).toMatchObject({ resumed: false, peer: { name: 'bob-3' } });
  });

  test('a peer whose session lives is not taken over by its name', async (world) => {
    const bob = await world.join('bob');
    const second = await world.register({ wanted_name: 'bob', is_live: () => true });
    expect(second).toMatchObject({ resumed: false, superseded: null, peer: { name: 'bob-2' } });
    expect((await world.store.findSession(`token of ${bob.session.id}`))?.ended).toBe(false);
  });

  test('the session of a dead process gives way, and says why', async (world) => {
    const bob = await world.join('bob');
    const again = await world.register({ wanted_name: 'bob', is_live: () => false });
    expect(again).toMatchObject({ resumed: true, superseded: bob.session.id, peer: { id: bob.id } });
    expect(await world.store.findSession(`token of ${bob.session.id}`)).toMatchObject({
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
    await world.store.endSession(bob2.session.id, 'closed', [], world.now);
    expect((await world.register({ wanted_name: 'bob' })).peer.id).toBe(bob2.id);
    await world.store.endSession(bob.session.id, 'closed', [], world.now);
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
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    await world.trySend(ann, 'earlier', 'to the earlier');
    const fresh = await world.register({ fallback_name: () => 'fresh', cwd: peerText('/new') });
    await world.trySend(ann, 'fresh', 'to the fresh');

    const bound = await world.bind(fresh.member, THREAD);
    expect(bound).toMatchObject({
      adopted: true,
      superseded: null,
      peer: { id: earlier.peer.id, name: 'earlier', cwd: '/new', online: true, unread: 2 },
    });
    const session = await world.store.findSession(`token of ${fresh.member.session.id}`);
    expect(session?.peer_id).toBe(earlier.peer.id);
    const got = session ? await world.store.leaseNext(session, { number: 1, received: 0 }, world.now) : [];
    expect(got.map(({ text }) => text)).toEqual(['to the earlier', 'to the fresh']);

    await world.trySend(ann, 'fresh', 'to the old name');
    await world.trySend(ann, fresh.peer.id, 'to the old id');
    expect(await world.store.unread(earlier.peer.id)).toBe(4);
    expect((await world.store.findPeer('fresh'))?.id).toBe(earlier.peer.id);
    expect((await world.store.listPeers({ include_offline: true })).map(({ name }) => name).sort()).toEqual([
      'ann',
      'earlier',
    ]);
  });

  test('what a fresh peer held leased stays with its session when it becomes the earlier peer', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register();
    const id = await world.send(ann, fresh.member, 'held');
    await world.lease(fresh.member);
    await world.bind(fresh.member, THREAD);
    const session = await world.store.findSession(`token of ${fresh.member.session.id}`);
    const next = { number: 2, received: 1 };
    expect(session && (await world.store.leaseNext(session, next, world.now))).toEqual([]);
    const confirmation = { message_id: id, evidence: 'tool-response' } as const;
    expect(await world.store.confirm(earlier.peer.id, [confirmation], world.now)).toEqual([id]);
  });

  test('what a fresh peer had sent is its own after it became the earlier peer', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
    const fresh = await world.register();
    const id = await world.send(fresh.member, ann, 'from the fresh');
    await world.bind(fresh.member, THREAD);
    expect((await world.store.findMessage(id))?.message.from.id).toBe(earlier.peer.id);
    expect(
      await world.trySend({ ...fresh.member, id: earlier.peer.id }, 'ann', 'more', { reply_to: id }),
    ).toMatchObject({ ok: true });
  });

  test('the first to bind a conversation is its peer; binding again changes nothing', async (world) => {
    const { member, peer } = await world.register();
    for (let i = 0; i < 2; i += 1) {
      expect(await world.bind(member, THREAD)).toMatchObject({
        adopted: false,
        superseded: null,
        peer: { id: peer.id },
      });
    }
    await world.store.endSession(member.session.id, 'closed', [], world.now);
    expect((await world.register({ conversation: THREAD })).peer.id).toBe(peer.id);
  });

  test('binding takes the conversation from the session that has it', async (world) => {
    const first = await world.register({ conversation: THREAD });
    const second = await world.register();
    const bound = await world.bind(second.member, THREAD);
    expect(bound).toMatchObject({ adopted: true, superseded: first.member.session.id, peer: { id: first.peer.id } });
  });

  test('a peer that has a conversation of its own is left, not merged, when its session turns to another', async (world) => {
    const ann = await world.join('ann');
    const one = await world.register({ wanted_name: 'one', conversation: THREAD });
    const two = await world.register({ wanted_name: 'two', conversation: OTHER_THREAD });
    await world.store.endSession(two.member.session.id, 'closed', [], world.now);
    await world.trySend(ann, 'one', 'for thread 1');
    await world.bind(one.member, OTHER_THREAD);
    expect((await world.store.findPeer('one'))?.id).toBe(one.peer.id);
    expect((await world.store.findPeer('two'))?.online).toBe(true);
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
    expect((await world.store.findPeer(first.peer.id))?.online).toBe(true);
  });

  test('a peer that was started by a name is left, not merged, when its session turns to a conversation', async (world) => {
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: THREAD });
    await world.store.endSession(earlier.member.session.id, 'closed', [], world.now);
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
    await world.store.renamePeer(bob.id, 'boss');
    expect(await start('boss')).toBe(bob.id);
    await world.store.renamePeer(bob.id, 'chief');
    for (const name of ['chief', 'boss', 'bob']) expect(await start(name)).toBe(bob.id);
    await world.store.renamePeer(bob.id, 'robert');
    await world.store.renamePeer(bob.id, 'rob');
    // nobody ever asked for it
    expect(await start('robert')).not.toBe(bob.id);
  });

  test('a session without the credential of its peer, or of another kind of client, binds nothing', async (world) => {
    const first = await world.register({ conversation: THREAD });
    const second = await world.register();
    const stays = { allowed: false, adopted: false, superseded: null, peer: { id: second.peer.id } };
    expect(await world.bind(second.member, THREAD, { credential_hash: 'guessed' })).toMatchObject(stays);
    expect(await world.bind(second.member, { client: 'codex', id: THREAD.id })).toMatchObject(stays);
    expect(await world.store.findSession(`token of ${first.member.session.id}`)).toMatchObject({ ended: false });
  });

  test('a live session that is not known to serve the conversation is not superseded by it', async (world) => {
    const named = await world.register({ wanted_name: 'bob', conversation: THREAD });
    await world.store.endSession(named.member.session.id, 'closed', [], world.now);
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
    await world.store.endSession(again.member.session.id, 'lost', [], world.now);
    const late = await world.register({ earlier_peer_id: first.peer.id });
    expect(late).toMatchObject({ resumed: true, peer: { id: first.peer.id } });
    const other = await world.register({ earlier_peer_id: first.peer.id, is_live: () => true });
    expect(other.resumed).toBe(false);
  });

  test('a process that was away while a newer one opened its conversation does not take it back', async (world) => {
    const older = await world.register({ conversation: THREAD });
    await world.store.endSession(older.member.session.id, 'lost', [], world.now);
    const newer = await world.register({ conversation: THREAD });
    const back = { conversation: THREAD, process: older.member.session.process, earlier_peer_id: older.peer.id };
    const refused = await world.register(back).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'session_superseded' });
    await world.store.endSession(newer.member.session.id, 'closed', [], world.now);
    expect((await world.register(back)).peer.id).toBe(older.peer.id);
  });

  test('a process that was away finds the peer that its conversation has now, not the one it was', async (world) => {
    const away = await world.register({ conversation: THREAD });
    await world.store.endSession(away.member.session.id, 'lost', [], world.now);
    const next = await world.register({ conversation: THREAD });
    await world.bind(next.member, OTHER_THREAD);
    const last = await world.register({ conversation: THREAD });
    for (const { member } of [next, last]) await world.store.endSession(member.session.id, 'closed', [], world.now);
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
    await world.store.markDetached(bob.session.id, world.now);
    expect(await world.store.endDetachedBefore(world.now, world.now)).toEqual([]);
    world.pass(60_000);
    expect(await world.store.endDetachedBefore(world.now, world.now)).toEqual([bob.session.id]);
    expect(await world.store.findSession(`token of ${bob.session.id}`)).toMatchObject({
      ended: true,
      end_reason: 'lost',
    });
    // seen last when it detached, not when it was given up
    expect((await world.store.findPeer('bob'))?.last_seen_at).toBe(world.now - 60_000);
    expect(await world.texts(await world.rejoin(bob))).toEqual(['hello']);
  });

  test('after a restart everybody has to attach again before being shown as online', async (world) => {
    await world.join('ann');
    const bob = await world.join('bob');
    world.pass(5_000);
    await world.restart();
    expect((await world.store.counts(world.now)).sessions).toBe(0);
    expect((await world.store.findPeer('bob'))?.last_seen_at).toBe(world.now);
    await world.store.markAttached(bob.session.id, world.now);
    expect((await world.store.listPeers({ include_offline: false })).map(({ name }) => name)).toEqual(['bob']);
  });
}
