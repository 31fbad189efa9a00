/** wait_for_messages: returns on the first match, can be cancelled, and loses nothing. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAnswer } from './helpers/mcp-client.ts';
import { Peer } from './helpers/peer.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterEach(() => box.close());

describe('wait_for_messages', () => {
  it('returns as soon as a message arrives, with the message, which is not pushed as well', async () => {
    const alpha = await box.session({ name: 'alpha' });
    await alpha.tool('whoami');
    const { answer } = alpha.request('tools/call', { name: 'wait_for_messages', arguments: { timeout_s: 60 } });
    const start = performance.now();
    await box.client.call('sendMessage', { to: 'alpha', message: 'here it is' });
    const { text } = readAnswer(await answer);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(text).toContain('A message arrived');
    expect(text).toContain('> here it is');
    expect(alpha.notifications).toEqual([]);
  });

  it('with from or conversation lets others pass by, and takes them along when it returns', async () => {
    const alpha = await box.session({ name: 'alpha', side: 'codex' });
    const bravo = await box.session({ name: 'bravo', side: 'codex' });
    await bravo.tool('whoami');
    const sent = await alpha.tool('send_message', { to_id: 'bravo', message: 'which port?', intent: 'request' });
    const conversation = sent.text.split(':')[0] ?? '';
    const { answer } = alpha.request('tools/call', {
      name: 'wait_for_messages',
      arguments: { timeout_s: 60, from: 'BRAVO', conversation },
    });
    await box.client.call('sendMessage', { to: 'alpha', message: 'from somebody else' });
    await bravo.tool('send_message', { to_id: 'alpha', message: 'another matter' });
    await bravo.tool('send_message', { to_id: 'alpha', message: 'port 8080', reply_to: conversation });
    const { text } = readAnswer(await answer);
    expect(text).toContain('> port 8080');
    expect(text).toContain('> from somebody else');
  });

  it.each([['from'], ['conversation']])(
    'with %s shows that message first, though more than fits waits before it',
    async (by) => {
      const alpha = await box.session({ name: 'alpha', side: 'codex' });
      const bravo = await Peer.register(box.client, 'bravo');
      await alpha.tool('whoami');
      const sent = await alpha.tool('send_message', { to_id: 'bravo', message: 'which port?' });
      const conversation = sent.text.split(':')[0] ?? '';
      for (let i = 0; i < 5; i += 1) {
        await box.client.call('sendMessage', { to: 'alpha', message: `${i} ${'x'.repeat(9_000)}` });
      }
      await bravo.send('alpha', 'port 8080', { reply_to: conversation });
      const args = by === 'from' ? { from: 'bravo' } : { conversation };
      const { text } = await alpha.tool('wait_for_messages', { timeout_s: 60, ...args });
      const block = text.slice(text.indexOf('[PEER INBOX]')).split('\n');
      expect(block[1]).toMatch(/^m\w+ from bravo \(other\)/);
      expect(block[2]).toBe('> port 8080');
      expect(text).toMatch(/\[PEER INBOX\] 3 new, 3 more/);
      expect(Buffer.byteLength(text)).toBeLessThan(21 * 1024);
      expect((await alpha.tool('check_messages')).text).toMatch(/^> [234] x/m);
    },
  );

  it('says after its time that none came', async () => {
    const alpha = await box.session({ name: 'alpha' });
    expect((await alpha.tool('wait_for_messages', { timeout_s: 0.2 })).text).toContain('No such message within 0.2 s');
    expect((await alpha.tool('wait_for_messages', { timeout_s: 'soon' })).text).toContain('Error invalid_request');
  });

  it('cancelled: the message that comes later is delivered by the next call', async () => {
    const bravo = await box.session({ name: 'bravo', side: 'codex' });
    await bravo.tool('whoami');
    const { id, answer } = bravo.request('tools/call', { name: 'wait_for_messages', arguments: { timeout_s: 60 } });
    answer.catch(() => {});
    bravo.write({ method: 'notifications/cancelled', params: { requestId: id } });
    await box.client.call('sendMessage', { to: 'bravo', message: 'late' });
    await until(async () => (await bravo.tool('check_messages')).text.includes('> late'));
  });
});
