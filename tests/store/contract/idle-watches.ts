/** Who is owed word when a peer falls idle. */
import type { Expect, Test } from '../runner.ts';
import type { Member, World } from '../world.ts';

function watch(world: World, watched: { readonly id: string }, watcher: { readonly id: string }): Promise<void> {
  return world.write((u) => u.idleWatches.add(watched.id, watcher.id));
}

/** Whom word is owed to, oldest wish first; they have it from then on. */
function take(world: World, watched: { readonly id: string }): Promise<string[]> {
  return world.write((u) => u.idleWatches.take(watched.id));
}

/** The watched peer tells those who asked. @throws after they were told, where `fails` says so */
async function tell(world: World, watched: Member, fails = false): Promise<void> {
  await world.write(async (u) => {
    const to = await u.idleWatches.take(watched.id);
    if (to.length > 0) await u.sending.send([{ ...world.outgoing(watched, to, 'idle now'), session_id: null }]);
    if (fails) throw new Error('the unit fails');
  });
}

export function idleWatches(test: Test, expect: Expect): void {
  test('each watcher of a peer is owed one word, however often it asked, until it is told', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    for (const watcher of [ann, eve, ann]) {
      await watch(world, bob, watcher);
      world.pass(1);
    }
    await watch(world, eve, ann);
    expect(await take(world, bob)).toEqual([ann.id, eve.id]);
    expect(await take(world, bob)).toEqual([]);
    expect(await take(world, eve)).toEqual([ann.id]);
  });

  test('who asks again after being told is owed another word', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await watch(world, bob, ann);
    expect(await take(world, bob)).toEqual([ann.id]);
    await watch(world, bob, ann);
    expect(await take(world, bob)).toEqual([ann.id]);
  });

  test('who asks while the others are told is owed word: whoever is not in that unit waits for the next', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    const eve = await world.join('eve');
    await watch(world, bob, ann);
    await Promise.all([tell(world, bob), watch(world, bob, eve), tell(world, bob)]);
    expect([await world.texts(ann), await world.texts(eve)]).toEqual([['idle now'], ['idle now']]);
    expect(await take(world, bob)).toEqual([]);
  });

  test('the word and the end of the wish are one: where telling fails, the wish stands and nobody was told', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await watch(world, bob, ann);
    const failed = await tell(world, bob, true).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'internal' });
    expect(await world.texts(ann)).toEqual([]);
    await tell(world, bob);
    await tell(world, bob);
    expect(await world.texts(ann)).toEqual(['idle now']);
  });

  test('a wish outlives the broker', async (world) => {
    const ann = await world.join('ann');
    const bob = await world.join('bob');
    await watch(world, bob, ann);
    await world.restart();
    expect(await take(world, bob)).toEqual([ann.id]);
  });

  test('a wish moves along when the watched peer, or the watcher, turns out to be an earlier one', async (world) => {
    const thread = { client: 'claude', id: 'thread-1' } as const;
    const ann = await world.join('ann');
    const earlier = await world.register({ conversation: thread });
    await world.endSession(earlier.member);
    const fresh = await world.register();
    await watch(world, fresh.peer, ann);
    await watch(world, ann, fresh.peer);
    await world.bind(fresh.member, thread);
    expect(await take(world, earlier.peer)).toEqual([ann.id]);
    expect(await take(world, ann)).toEqual([earlier.peer.id]);
  });
}
