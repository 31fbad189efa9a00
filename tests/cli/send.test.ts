/** `send`: the human writes to agents. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Response } from '../../shared/contract/index.ts';
import { MESSAGE_MAX_BYTES } from '../../shared/limits.ts';
import { rawText } from '../../shared/peer-text.ts';
import { receiptOf } from '../helpers/peer.ts';
import { type Agent, CliSandbox, DANGEROUS, HOSTILE } from './helpers.ts';

type Sent = Response<'sendMessage'>;

let sandbox: CliSandbox;
let falcon: Agent;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
  falcon = await sandbox.join('brave-falcon');
});
afterAll(() => sandbox.close());

async function newTexts(agent: Agent): Promise<string[]> {
  return (await agent.received()).map((message) => rawText(message.text));
}

describe('agent-peers send', () => {
  it('delivers the words and prints what became of them', async () => {
    const { code, stdout, stderr } = await sandbox.run(['send', 'brave-falcon', 'please', 'look', 'at the tests']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^● .*brave-falcon.*\n {2}message \S+\n$/);
    const [message] = await falcon.received();
    expect(message).toMatchObject({ text: 'please look at the tests', from: { kind: 'human' }, priority: 'normal' });
    expect(stdout).toContain(message?.message_id);
  });

  it('gives programs the receipt', async () => {
    const { code, value } = await sandbox.json<Sent>(['send', falcon.id, 'by id']);
    expect(code).toBe(0);
    const to = { id: falcon.id, name: 'brave-falcon' };
    expect(receiptOf(value)).toMatchObject({ message_id: value.message_id, to, outcome: expect.any(String) });
    expect(await falcon.received()).toMatchObject([{ message_id: value.message_id, text: 'by id' }]);
  });

  it('passes on what is expected and how urgent it is', async () => {
    await sandbox.run(['send', '--intent', 'request', '--priority', 'critical', 'brave-falcon', 'stop']);
    expect(await falcon.received()).toMatchObject([{ text: 'stop', intent: 'request', priority: 'critical' }]);
  });

  it('answers a message with --reply-to', async () => {
    const asked = await falcon.send(await sandbox.operatorId(falcon), 'may I merge?');
    await sandbox.run(['inbox']);
    const { code } = await sandbox.run(['send', 'brave-falcon', '--reply-to', asked.message_id, 'yes']);
    expect(code).toBe(0);
    expect(await falcon.received()).toMatchObject([{ text: 'yes', reply_to: asked.message_id }]);
  });

  it('takes text that begins with a dash after --', async () => {
    await sandbox.run(['send', 'brave-falcon', '--', '--json', 'is an option']);
    expect(await newTexts(falcon)).toEqual(['--json is an option']);
  });

  it('reads the text from standard input, whatever it holds', async () => {
    const text = `${HOSTILE}\n\n\ttabs, "quotes", 日本語, 👩‍💻`;
    expect((await sandbox.run(['send', 'brave-falcon', '-'], { stdin: `${text}\n` })).code).toBe(0);
    expect(await newTexts(falcon)).toEqual([text]);
  });

  it('refuses input that is too long or no text', async () => {
    const tooLong = await sandbox.run(['send', 'brave-falcon', '-'], { stdin: 'x'.repeat(4 * MESSAGE_MAX_BYTES) });
    expect(tooLong.code).toBe(2);
    expect(tooLong.stderr).toContain('64 KB');
    const binary = await sandbox.run(['send', 'brave-falcon', '-'], { stdin: Uint8Array.of(0x89, 0x50, 0xff) });
    expect(binary.code).toBe(2);
    expect(binary.stderr).toContain('not UTF-8');
    await sandbox.run(['send', 'brave-falcon', 'the only one that came']);
    expect(await newTexts(falcon)).toEqual(['the only one that came']);
  });

  it('refuses an empty message', async () => {
    const { code, value } = await sandbox.json(['send', 'brave-falcon', '-'], { stdin: '' });
    expect({ code, value }).toMatchObject({ code: 2, value: { error: { code: 'message_empty' } } });
  });

  it('names the nearest peer when there is none of that name', async () => {
    const { code, stderr } = await sandbox.run(['send', 'brave-flacon', 'hi']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: .*brave-flacon.*\nhint: .*brave-falcon.*\n$/);
    const { code: sameCode, value } = await sandbox.json(['send', 'brave-flacon', 'hi']);
    expect({ code: sameCode, value }).toMatchObject({ code: 3, value: { error: { code: 'peer_not_found' } } });
  });

  it('repeats nothing of a hostile argument to the terminal', async () => {
    const { code, stderr } = await sandbox.run(['send', 'no\u001b[2Jbody\u202e', 'hi']);
    expect(code).toBe(3);
    expect(stderr).not.toMatch(DANGEROUS);
  });
});

describe('when no broker runs', () => {
  beforeEach(() => sandbox.endBroker());

  it('starts one, and the message waits for its recipient', async () => {
    const { code, value } = await sandbox.json<Sent>(['send', falcon.id, 'for later']);
    expect(code).toBe(0);
    expect(receiptOf(value).to.name).toBe('brave-falcon');
    await expect(sandbox.client.hello()).resolves.toMatchObject({ service: 'agent-peers' });
  });

  it('starts exactly one for many senders at once, and loses nothing', async () => {
    const sent = await Promise.all(
      ['one', 'two', 'three', 'four', 'five'].map((text) => sandbox.json<Sent>(['send', falcon.id, text])),
    );
    expect(sent.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(new Set(sent.map(({ value }) => value.message_id)).size).toBe(5);
    const { value } = await sandbox.json<Response<'brokerStatus'>>(['status', '--all']);
    const waiting = value.peers.find((peer) => peer.id === falcon.id)?.unread ?? 0;
    expect(waiting).toBeGreaterThanOrEqual(5);
  });
});
