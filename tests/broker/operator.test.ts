/** The human is a peer from the start of the broker, before the command line was ever used. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

it('an agent finds the operator in the list, alone as it is, and can write to it', async () => {
  const claude = await box.session({ name: 'alpha' });
  const { text } = await claude.tool('list_peers');
  expect(text).toMatch(/^operator \[human\] .*reads its inbox/m);
  expect(text).toContain('No other peer is online');
  const sent = await claude.tool('send_message', { to_id: 'operator', message: 'is anybody there?' });
  expect(sent.isError).toBe(false);
  const { messages } = await box.client.call('operatorInbox', {});
  expect(messages.map((message) => [message.from.name, message.text])).toEqual([['alpha', 'is anybody there?']]);
});

it('the operator is one peer, whatever restarts and whoever asks', async () => {
  const claude = await box.session({ name: 'alpha' });
  const operators = async () => (await claude.tool('list_peers', { peer_type: 'human' })).text.match(/id \S+/g);
  const before = await operators();
  process.kill(await box.brokerPid(), 'SIGKILL');
  expect(await operators()).toEqual(before);
  expect(before).toHaveLength(1);
});
