/** The humans whose agents these are: each has a mailbox of its own, and agents reach theirs as `operator`. */
import type { Expect, Test } from '../runner.ts';
import { HUMAN_ID, USER, type World } from '../world.ts';

const GRACE = { id: 'person-2', name: 'Grace' } as const;

function ensure(world: World, person: { id: string; name: string }, peer_id: string) {
  return world.write((u) => u.persons.ensure(person, 'host', peer_id));
}

export function persons(test: Test, expect: Expect): void {
  test('a person and the peer by which agents reach them are made once, however often a broker starts', async (world) => {
    await world.restart();
    const [first, second] = await Promise.all([ensure(world, USER, 'another'), ensure(world, USER, 'yet-another')]);
    expect([first.id, second.id]).toEqual([HUMAN_ID, HUMAN_ID]);
    expect(await world.read((u) => u.persons.peerOf(USER.id))).toBe(HUMAN_ID);
    expect(await world.read((u) => u.persons.peerOf('nobody'))).toBe(undefined);
    expect(await world.listPeers({ include_offline: true, kind: 'human' })).toHaveLength(1);
  });

  test('of several persons each has a name of its own; the first is called operator', async (world) => {
    await world.join('grace');
    const human = await ensure(world, GRACE, 'human-2');
    expect(human).toMatchObject({ id: 'human-2', name: 'Grace-2', kind: 'human', person_id: GRACE.id });
    const humans = await world.listPeers({ include_offline: false, kind: 'human' });
    expect(humans.map(({ name }) => name).sort()).toEqual(['Grace-2', 'operator']);
  });

  test('an agent that writes to operator reaches the human whose agent it is', async (world) => {
    await ensure(world, GRACE, 'human-2');
    const ann = await world.join('ann');
    const bob = await world.join('bob', { person_id: GRACE.id });
    expect((await world.findPeer('bob'))?.person_id).toBe(GRACE.id);
    await world.trySend(ann, 'operator', 'from ann');
    await world.trySend(bob, ['Operator', 'ann'], 'from bob');
    await world.trySend(bob, ['operator', 'Grace'], 'once');
    await world.trySend(bob, HUMAN_ID, 'to the other, by id');
    const texts = async (id: string) => {
      const messages = await world.read((u) => u.mailbox.peek(id, 10));
      return messages.map(({ text }) => text);
    };
    expect(await texts(HUMAN_ID)).toEqual(['from ann', 'to the other, by id']);
    expect(await texts('human-2')).toEqual(['from bob', 'once']);
    expect(await world.texts(ann)).toEqual(['from bob']);
  });

  test('operator leads to the human also after a rename, and the new name does too', async (world) => {
    const ann = await world.join('ann');
    await world.rename({ id: HUMAN_ID }, 'boss');
    const sent = await world.trySend(ann, ['operator', 'boss'], 'done');
    expect(sent.ok && sent.to.map(({ record }) => record.to)).toEqual([{ id: HUMAN_ID, name: 'boss', kind: 'human' }]);
  });
}
