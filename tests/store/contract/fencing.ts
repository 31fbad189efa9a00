/** A session that does not serve its peer any more gets nothing, whatever the broker that it talks to still believes. */
import type { Expect, Test } from '../runner.ts';
import type { Member, World } from '../world.ts';

const THREAD = { client: 'claude', id: 'thread-1' } as const;

interface Over {
  /** As a broker still has it in mind. */
  readonly stale: Member;
  /** Who serves the peer now, if anybody. */
  readonly now: Member | undefined;
}

/** The ways in which a session ceases to serve its peer. */
const ENDS: Record<string, (world: World, bob: Member) => Promise<Over>> = {
  'that closed': async (world, bob) => {
    await world.endSession(bob);
    return { stale: bob, now: undefined };
  },
  'that was given up': async (world, bob) => {
    await world.detach(bob);
    world.pass(1);
    await world.endDetachedBefore(world.now);
    return { stale: bob, now: undefined };
  },
  'that a newer process superseded': async (world, bob) => ({ stale: bob, now: await world.rejoin(bob) }),
  'that serves another peer by now': async (world, bob) => {
    const { member: earlier } = await world.register({ conversation: THREAD });
    await world.endSession(earlier);
    await world.bind(bob, THREAD);
    return { stale: bob, now: await world.rejoin(bob) };
  },
};

export function fencing(test: Test, expect: Expect): void {
  for (const [which, end] of Object.entries(ENDS)) {
    test(`a session ${which} leases, notes and confirms nothing`, async (world) => {
      const ann = await world.join('ann');
      const bob = await world.join('bob');
      const held = await world.send(ann, bob, 'held');
      await world.lease(bob);
      const { stale, now } = await end(world, bob);
      const fresh = await world.send(ann, bob, 'fresh');
      if (now) await world.lease(now);
      const before = [await world.findMessage(held), await world.findMessage(fresh)];
      world.news();
      for (const again of [false, true]) expect(await world.lease(stale, again)).toEqual([]);
      for (const ids of [[held], [fresh]]) {
        expect(await world.notePush(stale, ids, 'channel')).toEqual([]);
        expect(await world.notePush(stale, ids, 'channel', 'failed')).toEqual([]);
        expect(await world.confirm(stale, ids)).toEqual([]);
        const [message_id] = ids;
        const proof = { message_id: message_id ?? '', evidence: 'client', pushed_by: 'app-server' } as const;
        expect(await world.confirmAll(stale, [proof])).toEqual([]);
      }
      await world.renew(stale);
      expect([await world.findMessage(held), await world.findMessage(fresh)]).toEqual(before);
      const { events, wakes } = world.news();
      expect([events, [...wakes]]).toEqual([[], []]);
      expect(await world.unread(bob)).toBe(2);
      expect(await world.counts()).toMatchObject({ waiting: 2, confirmed: 0 });
    });

    test(`a session ${which} sends nothing, and is handed nothing`, async (world) => {
      const ann = await world.join('ann');
      const bob = await world.join('bob');
      const { stale } = await end(world, bob);
      world.news();
      for (const to of ['ann', 'nobody', 'bob']) {
        expect(await world.trySend(stale, to, 'too late')).toEqual({ ok: false, reason: 'session-ended' });
      }
      expect(await world.texts(ann)).toEqual([]);
      const sent = await world.trySend(ann, bob.id, 'hello', { waiting: [stale] });
      expect(sent).toMatchObject({ ok: true, to: [{ handed: false, record: { entry: { state: 'queued' } } }] });
      expect(world.news().handed).toEqual([]);
    });
  }

  test('a session that is over cannot be attached again, and has nothing to detach', async (world) => {
    const bob = await world.join('bob');
    const now = await world.rejoin(bob);
    expect(await world.attach(bob)).toBe(undefined);
    expect(await world.detach(bob)).toBe(undefined);
    expect((await world.findPeer('bob'))?.online).toBe(true);
    await world.endSession(bob, 'again');
    expect(await world.sessionOf(bob)).toMatchObject({ end_reason: 'superseded' });
    expect(await world.sessionOf(now)).toMatchObject({ ended: false });
  });

  test('of sends that wait together with the end of their session those before it count', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const [before, , after] = await Promise.all([
      world.trySend(bob, 'ann', 'in time'),
      world.rejoin(bob),
      world.trySend(bob, 'ann', 'too late'),
    ]);
    expect([before.ok, after]).toEqual([true, { ok: false, reason: 'session-ended' }]);
    expect(await world.texts(ann)).toEqual(['in time']);
  });

  test('what nobody serves can still be sent in the name of its peer by the broker itself', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.endSession(bob);
    const word = { ...world.outgoing(bob, 'ann', 'bob is offline now'), session_id: null };
    expect(await world.sendAll([word])).toMatchObject([{ ok: true }]);
    expect(await world.texts(ann)).toEqual(['bob is offline now']);
  });
}
