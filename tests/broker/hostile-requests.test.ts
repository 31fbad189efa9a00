/** What a program with a token may ask for, and what nobody else must notice of it. */
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANSWER_MAX_CHARS } from '../../shared/limits.ts';
import { rawText } from '../../shared/peer-text.ts';
import { startFailure } from '../helpers/broker-process.ts';
import { codeOf, Peer, receiptOf } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const HOLD_MS = 3_000;
const OTHER_USER = 65_534;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
});
afterAll(() => box.close());

describe('one caller’s request', () => {
  it('fails nobody else’s that is stored together with it, whatever it holds', async () => {
    const evil = await Peer.register(box.client, 'half-a-character');
    const good = await Promise.all(Array.from({ length: 6 }, (_, i) => Peer.register(box.client, `good-${i}`)));
    const reader = await Peer.register(box.client, 'all-read');
    // a lone half of a surrogate pair cannot be stored as it stands
    const repeated = () => evil.send('all-read', 'x', { idempotency_key: 'aaaaaaaa\ud800' });
    await repeated();
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.allSettled([
        ...good.map((peer) => peer.send('all-read', `round ${round}`)),
        ...Array.from({ length: 4 }, repeated),
      ]);
      expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
    }
    const texts = (await reader.waiting()).map(({ text }) => rawText(text));
    // the same key each time is the same message
    expect(texts.filter((text) => text === 'x')).toHaveLength(1);
  });

  it('is answered in parts that have a bound, and the rest comes with the next one', async () => {
    const ann = await Peer.register(box.client, 'many-long');
    const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'x'.repeat(60_000)}`);
    const reader = await Peer.register(box.client, 'many-long-reader');
    for (const text of texts) await ann.send('many-long-reader', text);
    const got: string[] = [];
    await until(async () => {
      const messages = await reader.waiting();
      const chars = messages.reduce((sum, { text }) => sum + rawText(text).length, 0);
      expect(chars).toBeLessThanOrEqual(ANSWER_MAX_CHARS);
      got.push(...messages.map(({ text }) => rawText(text)));
      await reader.call('confirmMessages', {
        confirmations: messages.map(({ message_id }) => ({ message_id, evidence: 'client' as const })),
      });
      return got.length >= texts.length;
    });
    expect(got).toEqual(texts);
  });

  it('cannot say that the human has read what the human never had', async () => {
    const [ann, bob] = await Promise.all([Peer.register(box.client, 'asks'), Peer.register(box.client, 'claims')]);
    const { message_id } = await ann.send('claims', 'did the human see this?');
    const claim = { confirmations: [{ message_id, evidence: 'operator' as never }] };
    expect(await codeOf(bob.call('confirmMessages', claim))).toBe('invalid_request');
    const [delivery] = (await ann.call('messageStatus', { message_id })).deliveries;
    expect(delivery?.confirmed_by).toBe(null);
  });
});

it('a second broker on the same database takes nobody offline', async () => {
  const ann = await Peer.register(box.client, 'of-the-first');
  const held = ann.call('nextMessages', { wait_ms: HOLD_MS });
  const second = await Sandbox.create({ AGENT_PEERS_DB: box.location.db });
  try {
    await second.broker();
    await until(async () => {
      const { peers } = await second.client.call('listPeers', {});
      return peers.some(({ name, online }) => name === 'of-the-first' && online);
    });
    const bob = await Peer.register(second.client, 'of-the-second');
    expect(receiptOf(await bob.send('of-the-first', 'across')).outcome).not.toBe('offline');
    expect([...(await held).messages, ...(await ann.waiting())].map(({ text }) => rawText(text))).toContain('across');
  } finally {
    await second.close();
  }
});

it('a database that belongs to another user is refused: they could read all mail in it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agent-peers-shared-'));
  let db = '/etc/hosts'; // for everybody but root, a file of another user
  if (process.getuid?.() === 0) {
    db = join(folder, 'peers.db');
    writeFileSync(db, '', { mode: 0o666 });
    chownSync(db, OTHER_USER, OTHER_USER);
  }
  const other = await Sandbox.create({ AGENT_PEERS_DB: db });
  try {
    expect((await startFailure(other.spawn('broker'))).code).toBe('database_unsafe');
  } finally {
    await other.close();
    rmSync(folder, { recursive: true });
  }
});
