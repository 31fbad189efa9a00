/** Sending over HTTP: bounds, retries, odd texts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RATE_PER_MINUTE } from '../../shared/limits.ts';
import { machineKey, readSecret } from '../../shared/secret.ts';
import { codeOf, Peer, receiptOf } from '../helpers/peer.ts';
import { exchange, request } from '../helpers/raw-http.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
let ann: Peer;
let bob: Peer;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
  ann = await Peer.register(box.client, 'ann');
  bob = await Peer.register(box.client, 'bob');
});
afterAll(() => box.close());

describe('the 61st message within a minute', () => {
  it('is refused with the seconds to wait, in the code, the text and the header; others may still send', async () => {
    const eve = await Peer.register(box.client, 'eve');
    await Promise.all(Array.from({ length: RATE_PER_MINUTE }, (_, i) => eve.send('bob', `message ${i}`)));
    const { port } = box.location;
    const answer = await exchange(
      port,
      request('/v1/messages/send', {
        headers: { host: `127.0.0.1:${port}`, authorization: `Bearer ${eve.token}` },
        body: JSON.stringify({ to: 'bob', message: 'one more' }),
      }),
    );
    const { error } = JSON.parse(answer.body) as { error: { code: string; hint: string; retry_after_s: number } };
    expect([answer.status, error.code]).toEqual([429, 'rate_limited']);
    expect(error.retry_after_s).toBeGreaterThan(0);
    expect(error.retry_after_s).toBeLessThanOrEqual(60);
    expect(error.hint).toContain(`${error.retry_after_s} s`);
    expect(answer.headers.toLowerCase()).toContain(`retry-after: ${error.retry_after_s}\r\n`);
    expect(receiptOf(await ann.send('bob', 'I may')).to.name).toBe('bob');
    const texts = (await bob.waiting()).map(({ text }) => text);
    expect(texts).not.toContain('one more');
  });
});

describe('a retried send', () => {
  it('with its key is one message, with the same receipt', async () => {
    const key = { idempotency_key: 'retry-0001' };
    const [first, second] = [await ann.send('bob', 'once', key), await ann.send('bob', 'once', key)];
    expect(second.message_id).toBe(first.message_id);
    expect(await codeOf(ann.send('bob', 'something else', key))).toBe('idempotency_conflict');
  });

  it('is one message also for a text with half a surrogate pair', async () => {
    const key = { idempotency_key: 'retry-0002' };
    const text = 'broken \ud83d emoji';
    const [first, second] = [await ann.send('bob', text, key), await ann.send('bob', text, key)];
    expect(second.message_id).toBe(first.message_id);
    const { message } = await bob.call('readMessage', { message_id: first.message_id });
    expect(message.text).toBe('broken \ufffd emoji');
  });
});

it.each(['\u001b[31m', '\u202e', '{"json":true}', 'x\r\ny', '🦊', "'; drop table messages; --"])(
  'the text %j arrives as it was sent',
  async (text) => {
    const { message_id } = await ann.send('bob', text);
    expect((await bob.call('readMessage', { message_id })).message.text).toBe(text);
  },
);

it.each(['\u0000', 'a\u0000b'])('the text %j is refused: not every database can keep NUL', async (text) => {
  const refused = ann.send('bob', text);
  await expect(refused).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'message: it holds a NUL character.',
  });
});

it('an unknown recipient is named with those that were perhaps meant', async () => {
  const refused = ann.send('bop', 'hello');
  await expect(refused).rejects.toMatchObject({ code: 'peer_not_found', hint: expect.stringContaining('bob') });
});

it('an empty message, one to oneself and an answer to nothing are refused', async () => {
  expect(await codeOf(ann.send('bob', ' \n '))).toBe('message_empty');
  expect(await codeOf(ann.send('ann', 'hello'))).toBe('send_to_self');
  expect(await codeOf(ann.send('bob', 'hello', { reply_to: 'm-none' }))).toBe('message_not_found');
});

it('a text with NUL is refused, and said so; an escaped one that a programmer wrote is none', async () => {
  expect(await codeOf(ann.send('bob', 'a\0b'))).toBe('invalid_request');
  expect(await codeOf(ann.send('bob', 'a\\u0000b'))).toBe('none');
});

it('the log has no message text, no token and no key', async () => {
  await ann.send('bob', 'a very particular text');
  await codeOf(ann.send('bob', '', { idempotency_key: 'a very particular key' }));
  await ann.call('whoami', {});
  const log = box.brokerLog();
  expect(log).toContain('session registered');
  for (const secret of ['a very particular', ann.token, ann.credential, machineKey(readSecret(box.location.home))]) {
    expect(log).not.toContain(secret);
  }
});
