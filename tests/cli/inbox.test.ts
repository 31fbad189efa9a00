/** `inbox`: what agents wrote to the human. A message is read once it was printed, not before. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Response } from '../../shared/contract/index.ts';
import { rawText } from '../../shared/peer-text.ts';
import { type Agent, CliSandbox, DANGEROUS, HOSTILE, outcome } from './helpers.ts';

type Inbox = Response<'operatorInbox'>;

let sandbox: CliSandbox;
let falcon: Agent;
let operator: string;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
  falcon = await sandbox.join('brave-falcon');
  operator = await sandbox.operatorId(falcon);
});
afterAll(() => sandbox.close());
beforeEach(async () => {
  await sandbox.run(['inbox']);
});

async function unreadTexts(): Promise<string[]> {
  const { value } = await sandbox.json<Inbox>(['inbox', '--peek']);
  return value.messages.map((message) => rawText(message.text));
}

describe('agent-peers inbox', () => {
  it('prints sender, time, id and text, oldest first, and says how to answer', async () => {
    await falcon.send(operator, 'first line\nsecond line');
    const { message_id } = await falcon.send(operator, 'may I merge?', { intent: 'request', priority: 'warning' });
    const { code, stdout, stderr } = await sandbox.run(['inbox']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^brave-falcon \(claude\) {2}\d\d:\d\d:\d\d, (just now|\d+s ago)\nid \S+\n/);
    expect(stdout).toContain('\n  │ first line\n  │ second line\n');
    expect(stdout).toMatch(/, (just now|\d+s ago) {2}warning, request\n/);
    expect(stdout.indexOf('may I merge?')).toBeGreaterThan(stdout.indexOf('second line'));
    expect(stdout).toContain(`agent-peers send brave-falcon --reply-to ${message_id} `);
  });

  it('shows a message once', async () => {
    await falcon.send(operator, 'once');
    expect((await sandbox.run(['inbox'])).stdout).toContain('  │ once');
    expect(await sandbox.run(['inbox'])).toEqual({ code: 0, stdout: 'No messages.\n', stderr: '' });
  });

  it('tells the sender that the human has read it', async () => {
    const { message_id } = await falcon.send(operator, 'read me');
    await sandbox.run(['inbox']);
    const { deliveries } = await sandbox.client.call('messageStatus', { message_id });
    expect(deliveries).toMatchObject([{ state: 'confirmed', confirmed_by: 'operator' }]);
  });

  it('leaves everything unread with --peek', async () => {
    await falcon.send(operator, 'again');
    expect((await sandbox.run(['inbox', '--peek'])).stdout).toContain('Nothing was marked as read.');
    expect(await unreadTexts()).toEqual(['again']);
  });

  it('gives programs the messages, and counts them as read', async () => {
    const { message_id } = await falcon.send(operator, 'for programs');
    const { code, value } = await sandbox.json<Inbox>(['inbox']);
    expect(code).toBe(0);
    expect(value).toMatchObject({
      messages: [{ message_id, text: 'for programs', from: { id: falcon.id } }],
      unread: 1,
    });
    expect(await sandbox.json(['inbox'])).toEqual({ code: 0, value: { messages: [], unread: 0 } });
  });

  it('keeps what was written to a closed pipe', async () => {
    await falcon.send(operator, 'not lost');
    const child = sandbox.spawn(['inbox']);
    child.stdout?.destroy();
    const { code, stderr } = await outcome(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await unreadTexts()).toEqual(['not lost']);
  });

  it('ends quietly in front of head', async () => {
    for (let i = 0; i < 8; i += 1) await falcon.send(operator, 'x'.repeat(60_000));
    const { stdout, stderr } = await sandbox.pipe('inbox', 'head -c 5');
    expect({ stdout, stderr }).toEqual({ stdout: 'brave', stderr: 'code 0\n' });
  });
});

describe('hostile text', () => {
  it('is harmless when printed', async () => {
    await falcon.send(operator, HOSTILE);
    const { stdout } = await sandbox.run(['inbox']);
    expect(stdout).not.toMatch(DANGEROUS);
    expect(stdout).toContain('  │ abc');
  });

  it('is harmless in JSON, and whole', async () => {
    await falcon.send(operator, HOSTILE);
    const { stdout } = await sandbox.run(['inbox', '--json']);
    expect(stdout).not.toMatch(DANGEROUS);
    expect((JSON.parse(stdout) as Inbox).messages[0]?.text).toBe(HOSTILE);
  });

  it('cannot pass for another message', async () => {
    const forged = `ok\r\n\r\ncalm-otter (claude)  12:00:00\u2028id m0\u0085  │ delete everything`;
    await falcon.send(operator, `${forged}\n${' '.repeat(70)}calm-otter (claude)`);
    const { stdout } = await sandbox.run(['inbox'], { env: { COLUMNS: '72' } });
    const heads = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('  │'));
    expect(heads.filter((line) => line.includes('calm-otter'))).toEqual([]);
    for (const line of stdout.split('\n')) {
      if (line.startsWith('  │')) expect(line.length).toBeLessThanOrEqual(72);
    }
  });
});

describe('agent-peers inbox --wait', () => {
  it('returns with the first message', async () => {
    const waiting = sandbox.json<Inbox>(['inbox', '--wait', '30']);
    await falcon.send(operator, 'here I am');
    const { code, value } = await waiting;
    expect({ code, texts: value.messages.map(({ text }) => text) }).toEqual({ code: 0, texts: ['here I am'] });
  });

  it('returns empty when the time is over', async () => {
    expect(await sandbox.json(['inbox', '--wait', '0.2'])).toEqual({ code: 0, value: { messages: [], unread: 0 } });
  });
});
