/** One peer cannot read, confirm, rename or speak for another. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
let ann: Peer;
let bob: Peer;
let eve: Peer;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
  ann = await Peer.register(box.client, 'ann');
  bob = await Peer.register(box.client, 'bob');
  eve = await Peer.register(box.client, 'eve');
});
afterAll(() => box.close());

describe('a message between two peers', () => {
  it('can be read and followed by its sender and its recipient only', async () => {
    const { message_id } = await ann.send('bob', 'between us');
    for (const peer of [ann, bob]) {
      expect((await peer.call('readMessage', { message_id })).message.text).toBe('between us');
      expect((await peer.call('messageStatus', { message_id })).from.name).toBe('ann');
    }
    expect(await codeOf(eve.call('readMessage', { message_id }))).toBe('message_not_found');
    expect(await codeOf(eve.call('messageStatus', { message_id }))).toBe('message_not_found');
    expect(await codeOf(eve.call('readMessage', { message_id: 'm-none' }))).toBe('message_not_found');
    // also not by the human, who reads what was sent to the human
    expect(await codeOf(box.client.call('readMessage', { message_id }))).toBe('message_not_found');
    expect(await codeOf(eve.send('ann', 'me too', { reply_to: message_id }))).toBe('message_not_found');
  });

  it('cannot be taken, confirmed or marked as pushed by a third', async () => {
    const { message_id } = await ann.send('bob', 'yours alone');
    await bob.waiting();
    expect(await eve.waiting()).toEqual([]);
    const confirmations = [{ message_id, evidence: 'named' as const }];
    expect((await eve.call('confirmMessages', { confirmations })).confirmed).toBe(0);
    await eve.call('notePush', { message_ids: [message_id], route: 'channel' });
    // nor by its sender
    expect((await ann.call('confirmMessages', { confirmations })).confirmed).toBe(0);
    const { deliveries } = await ann.call('messageStatus', { message_id });
    expect(deliveries).toMatchObject([{ state: 'leased', pushed_at: null, confirmed_at: null, confirmed_by: null }]);
    expect((await bob.call('confirmMessages', { confirmations })).confirmed).toBe(1);
  });
});

it('a peer names only itself: another cannot be renamed, and ids in a request change nothing about who calls', async () => {
  expect(await codeOf(eve.call('renamePeer', { new_name: 'gone', peer: 'bob' }))).toBe('not_yours');
  expect(await codeOf(eve.call('renamePeer', { new_name: 'bob' }))).toBe('name_taken');
  const forged = { to: 'bob', message: 'hi', sender_id: ann.id, from: ann.id };
  const { message_id } = await eve.call('sendMessage', forged);
  expect((await bob.call('readMessage', { message_id })).message.from.name).toBe('eve');
});

it('nobody passes for the human', async () => {
  const impostor = await Peer.register(box.client, 'operator');
  expect(impostor.name).toBe('operator-2');
  expect(await codeOf(impostor.call('renamePeer', { new_name: 'Operator' }))).toBe('name_taken');
  expect(await codeOf(Peer.register(box.client, 'boss', { kind: 'human' }))).toBe('invalid_request');
  const { message_id } = await box.client.call('sendMessage', { to: 'eve', message: 'this is the human' });
  expect((await eve.call('readMessage', { message_id })).message.from).toMatchObject({
    name: 'operator',
    kind: 'human',
  });
});
