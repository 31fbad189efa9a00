/** Mail whose recipient nobody serves any more. */
import type { RetentionCuts } from '../../../broker/store/retention.ts';
import { ORPHAN_GRACE_MS } from '../../../shared/limits.ts';
import type { Expect, Test } from '../runner.ts';
import { DAY_MS, KEEP_ALL, type World } from '../world.ts';

const WEEK_MS = 7 * DAY_MS;

/** What the broker's housekeeping does with mail that nobody fetched for a week. */
function giveUp({ now }: World): RetentionCuts {
  return { ...KEEP_ALL, undelivered_before: now - WEEK_MS, absent_before: now - ORPHAN_GRACE_MS };
}

export function orphans(test: Test, expect: Expect): void {
  test('mail of a peer without a session is an orphan after a minute, and no sooner', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'are you\nthere?');
    world.pass(5_000);
    const left = world.now;
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS - 1);
    expect(await world.orphans(WEEK_MS, 10)).toEqual({ orphans: [], total: 0 });
    world.pass(1);
    expect(await world.orphans(WEEK_MS, 10)).toEqual({
      orphans: [
        {
          message_id: id,
          from: { id: ann.id, name: 'ann', kind: 'claude' },
          to: { id: bob.id, name: 'bob', kind: 'claude' },
          sent_at: new Date(left - 5_000).toISOString(),
          preview: 'are you there?',
          offline_since: new Date(left).toISOString(),
          deliverable_until: new Date(left - 5_000 + WEEK_MS).toISOString(),
        },
      ],
      total: 1,
    });
    expect(await world.counts()).toMatchObject({ waiting: 0, orphaned: 1 });
  });

  test('a session that lost its connection counts as gone from that moment, one that holds it never', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'hello');
    world.pass(WEEK_MS);
    expect((await world.orphans(WEEK_MS, 10)).total).toBe(0);
    await world.detach(bob);
    world.pass(ORPHAN_GRACE_MS);
    expect((await world.orphans(WEEK_MS, 10)).total).toBe(1);
    await world.attach(bob);
    expect((await world.orphans(WEEK_MS, 10)).total).toBe(0);
  });

  test('the mail of the human is never an orphan', async (world) => {
    const ann = await world.join('ann');
    await world.trySend(ann, 'operator', 'done');
    world.pass(365 * DAY_MS);
    await world.applyRetention(giveUp(world));
    expect((await world.orphans(WEEK_MS, 10)).total).toBe(0);
    expect(await world.counts()).toMatchObject({ waiting: 1, orphaned: 0 });
  });

  test('a recipient that returns in time still gets its mail; one that stays away too long does not', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'early');
    await world.endSession(bob);
    world.pass(WEEK_MS);
    await world.send(ann, bob, 'late');
    await world.applyRetention({ ...giveUp(world), undelivered_before: world.now - WEEK_MS + 1 });
    const { orphans: listed } = await world.orphans(WEEK_MS, 10);
    expect(listed.map(({ preview, deliverable_until }) => [preview, deliverable_until])).toEqual([
      ['early', null],
      ['late', new Date(world.now + WEEK_MS).toISOString()],
    ]);
    expect(await world.texts(await world.rejoin(bob))).toEqual(['late']);
    expect(await world.counts()).toMatchObject({ waiting: 1, orphaned: 1 });
  });

  test('mail of a peer that is here is not given up, however long it waits', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'unread for long');
    await world.lease(bob);
    world.pass(2 * WEEK_MS);
    await world.applyRetention(giveUp(world));
    expect(await world.counts()).toMatchObject({ waiting: 1, orphaned: 0 });
  });

  test('a restart of the broker does not give up mail of peers that are just coming back', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await world.send(ann, bob, 'unread for long');
    world.pass(2 * WEEK_MS);
    await world.restart();
    await world.applyRetention(giveUp(world));
    await world.attach(bob);
    expect(await world.texts(bob)).toEqual(['unread for long']);
  });

  test('a message is requeued to another peer, who gets it as new', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, bob, 'somebody do this');
    await world.lease(bob);
    await world.notePush(bob, [id], 'channel');
    expect(await world.requeue(id, eve)).toEqual([id]);
    expect(await world.confirm(bob, [id])).toEqual([]);
    expect(await world.texts(bob, true)).toEqual([]);
    expect(await world.lease(eve)).toMatchObject([{ message_id: id, redelivered: false, from: { name: 'ann' } }]);
    expect(await world.confirm(eve, [id])).toEqual([id]);
  });

  test('all orphans of one peer are requeued together; what was read or never was an orphan stays', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const read = await world.send(ann, bob, 'read');
    await world.lease(bob);
    await world.confirm(bob, [read]);
    await world.send(ann, bob, 'one');
    await world.send(ann, bob, 'two');
    expect(await world.requeueOrphans(bob, eve)).toEqual([]);
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS);
    expect(await world.requeueOrphans(bob, eve)).toHaveLength(2);
    expect(await world.texts(eve)).toEqual(['one', 'two']);
    expect((await world.orphans(WEEK_MS, 10)).total).toBe(0);
  });

  test('an orphan that was given up is deliverable again once it is requeued', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const id = await world.send(ann, bob, 'old news');
    await world.endSession(bob);
    world.pass(2 * WEEK_MS);
    await world.applyRetention(giveUp(world));
    expect((await world.entry(id)).entry.state).toBe('orphaned');
    expect(await world.requeue(id, ann)).toEqual([id]);
    await world.applyRetention(giveUp(world));
    expect(await world.texts(ann)).toEqual(['old news']);
  });

  test('a confirmed message cannot be requeued', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    const id = await world.send(ann, bob, 'done');
    await world.confirm(bob, [id]);
    expect(await world.requeue(id, eve)).toEqual([]);
    expect(await world.texts(eve)).toEqual([]);
  });

  test('the list says how many there are beyond its limit', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    for (let i = 0; i < 5; i += 1) await world.send(ann, bob, `orphan ${i}`);
    await world.endSession(bob);
    world.pass(ORPHAN_GRACE_MS);
    const { orphans: listed, total } = await world.orphans(WEEK_MS, 2);
    expect(listed.map(({ preview }) => preview)).toEqual(['orphan 0', 'orphan 1']);
    expect(total).toBe(5);
  });
}
