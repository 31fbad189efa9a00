/** What is told: each thing that happens once, in the commit that makes it so, with the ids of whom it concerns. */
import type { NewEvent } from '../../../broker/store/events.ts';
import { ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, HUMAN_ID, type Member, type World } from '../world.ts';

const THREAD = { client: 'claude', id: 'thread-1' } as const;

type Told = readonly [
  kind: string,
  peer_id: string,
  other_id: string | null,
  message_id: string | null,
  state: string | null,
];

export function plain({ kind, peer_id, other_id = null, message_id = null, state = null }: NewEvent): Told {
  return [kind, peer_id, other_id, message_id, state];
}

/** What commits told since the last look. */
export function told(world: World): Told[] {
  return world.news().events.map(plain);
}

function ofPeer(kind: string, { id }: { readonly id: string }, state: string | null = null): Told {
  return [kind, id, null, null, state];
}

export function events(test: Test, expect: Expect): void {
  test('what becomes of a peer is told once, and what changes nothing is not', async (world) => {
    const ann = await world.join('ann');
    expect(told(world)).toEqual([ofPeer('peer.registered', ann, 'ann'), ofPeer('peer.online', ann)]);
    await world.rename(ann, 'anna');
    expect(told(world)).toEqual([ofPeer('peer.renamed', ann, 'anna')]);
    await world.update(ann, { status: 'dnd' });
    expect(told(world)).toEqual([ofPeer('peer.changed', ann, 'dnd')]);

    const report = (activity: 'idle' | 'busy') => world.note((u) => u.sessions.update(ann.session.id, { activity }));
    for (const activity of ['busy', 'busy', 'idle', 'idle'] as const) await report(activity);
    expect(told(world)).toEqual([ofPeer('peer.busy', ann), ofPeer('peer.idle', ann)]);

    await world.attach(ann);
    expect(told(world)).toEqual([]);
    await world.detach(ann);
    await world.detach(ann);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    await world.attach(ann);
    expect(told(world)).toEqual([ofPeer('peer.online', ann)]);
    await world.detach(ann);
    await world.endSession(ann);
    await world.endSession(ann);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    const again = await world.rejoin({ ...ann, name: 'ann' });
    expect(told(world)).toEqual([ofPeer('peer.online', ann)]);
    await world.endSession(again);
    expect(told(world)).toEqual([ofPeer('peer.offline', ann)]);
    expect(await world.rename(ann, 'operator')).toBe(undefined);
    expect(told(world)).toEqual([]);
  });

  test('a newer process that takes over ends one session and begins another, for all to see', async (world) => {
    const ann = await world.join('ann');
    told(world);
    await world.rejoin(ann);
    const effects = [ofPeer('peer.offline', ann), ofPeer('peer.online', ann)];
    expect(told(world)).toEqual(effects);
  });

  test('a peer that turns out to be another leaves, and the other is there', async (world) => {
    const { member: earlier } = await world.register({ conversation: THREAD });
    await world.endSession(earlier);
    const { member: fresh } = await world.register();
    told(world);
    await world.bind(fresh, THREAD);
    expect(told(world)).toEqual([
      ['peer.merged', fresh.id, earlier.id, null, null],
      ofPeer('peer.offline', fresh),
      ofPeer('peer.online', earlier),
    ]);
  });

  test('a session that nothing holds is said to be there by its attachment only, whatever peer it serves', async (world) => {
    const { member: earlier } = await world.register({ conversation: THREAD });
    await world.endSession(earlier);
    const { member: fresh } = await world.register();
    await world.detach(fresh);
    told(world);
    await world.bind(fresh, THREAD);
    expect((await world.findPeer(earlier.id))?.online).toBe(false);
    expect(told(world)).toEqual([['peer.merged', fresh.id, earlier.id, null, null]]);
    await world.attach(fresh);
    expect(told(world)).toEqual([ofPeer('peer.online', earlier)]);
  });

  test('each step of a message is told for each recipient, with its sender', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    told(world);
    const id = await world.send(ann, [bob, eve], 'hello', { waiting: [eve] });
    const of = (kind: string, to: Member, state: string | null = null): Told => [kind, to.id, ann.id, id, state];
    expect(told(world)).toEqual([of('message.sent', bob), of('message.sent', eve), of('message.leased', eve)]);
    await world.trySend(ann, 'nobody', 'hm');
    await world.lease(bob);
    expect(told(world)).toEqual([of('message.leased', bob)]);
    await world.lease(bob);
    await world.notePush(bob, [id], 'channel', 'socket closed');
    await world.notePush(bob, [id], 'inbox-socket');
    expect(told(world)).toEqual([of('message.push_failed', bob, 'channel'), of('message.pushed', bob, 'inbox-socket')]);
    for (const evidence of ['hook', 'client'] as const) await world.confirm(bob, [id], evidence);
    expect(told(world)).toEqual([of('message.confirmed', bob, 'hook')]);
    const kim = await world.join('kim');
    told(world);
    await world.requeue(id, kim, eve);
    expect(told(world)).toEqual([of('message.requeued', kim, eve.id)]);
    const answer = await world.send(bob, ann, 'answer', { reply_to: id });
    expect(told(world)).toEqual([['message.sent', ann.id, bob.id, answer, null]]);
    await world.send(kim, bob, 'mine too', { reply_to: id });
    expect(told(world).slice(1)).toEqual([of('message.confirmed', kim, 'named')]);
  });

  test('what the human reads is told like any other mail', async (world) => {
    const ann = await world.join('ann');
    const sent = await world.trySend(ann, 'operator', 'done');
    const id = sent.ok ? sent.message_id : '';
    told(world);
    const read = () => world.note((u) => u.mailbox.readByHuman(HUMAN_ID, [id]));
    expect([await read(), await read()]).toEqual([[id], []]);
    expect(told(world)).toEqual([['message.confirmed', HUMAN_ID, ann.id, id, 'operator']]);
  });

  test('mail that nobody is there to take is told of once, and again only after somebody had it', async (world) => {
    const ann = await world.join('ann');
    const [bob, eve] = [await world.join('bob'), await world.join('eve')];
    const id = await world.send(ann, [bob, eve], 'hello');
    const sweep = async () => {
      const untold = await world.read((u) => u.orphans.hasUntold());
      const count = await world.note((u) => u.orphans.tell());
      expect(untold).toBe(count > 0);
      return told(world).filter(([kind]) => kind === 'message.orphaned');
    };
    const orphaned: Told = ['message.orphaned', bob.id, ann.id, id, null];
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS - 1);
    expect(await sweep()).toEqual([]);
    world.pass(1);
    expect([await sweep(), await sweep()]).toEqual([[orphaned], []]);
    const again = await world.rejoin(bob);
    await world.endSession(again);
    world.pass(ORPHAN_GRACE_MS);
    // it came and took nothing
    expect(await sweep()).toEqual([]);
    const last = await world.rejoin(bob);
    await world.lease(last);
    await world.endSession(last);
    world.pass(ORPHAN_GRACE_MS);
    expect([await sweep(), await sweep()]).toEqual([[orphaned], []]);
    const kim = await world.join('kim');
    await world.requeue(id, kim, bob);
    await world.endSession(kim);
    world.pass(ORPHAN_GRACE_MS);
    expect([await sweep(), await sweep()]).toEqual([[['message.orphaned', kim.id, ann.id, id, null]], []]);
  });

  test('mail that is given up is told of once', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'hello');
    await world.endSession(bob);
    world.pass(8 * DAY_MS);
    told(world);
    for (let i = 0; i < 2; i += 1)
      await world.applyRetention({ undelivered_before: world.now, absent_before: world.now - ORPHAN_GRACE_MS });
    expect(told(world)).toEqual([['message.expired', bob.id, ann.id, id, null]]);
  });
}
