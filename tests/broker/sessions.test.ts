/** The life of a session, as a program that speaks HTTP sees it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, Peer, receiptOf } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const HOLD_MS = 20_000;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

async function isOnline(name: string): Promise<boolean> {
  const { peers } = await box.client.call('listPeers', {});
  return peers.some((peer) => peer.name === name);
}

describe('a session that ended', () => {
  it('is stale: it has to register again, and its mailbox is still there', async () => {
    const ann = await Peer.register(box.client, 'stale-ann');
    const bob = await Peer.register(box.client, 'stale-bob');
    await bob.call('closeSession', {});
    expect(await codeOf(bob.call('whoami', {}))).toBe('session_stale');
    expect(await codeOf(bob.waiting())).toBe('session_stale');
    expect(receiptOf(await ann.send('stale-bob', 'later')).outcome).toBe('offline');
    const again = await Peer.register(box.client, 'stale-bob', { credential: bob.credential });
    expect(again.id).toBe(bob.id);
    expect((await again.waiting()).map(({ text }) => text)).toEqual(['later']);
  });

  it('lets go of a request that it holds at once, with nothing', async () => {
    const ann = await Peer.register(box.client, 'held-ann');
    const held = ann.call('nextMessages', { wait_ms: HOLD_MS });
    await until(() => isOnline('held-ann'));
    const start = performance.now();
    await ann.call('closeSession', {});
    expect((await held).messages).toEqual([]);
    expect(performance.now() - start).toBeLessThan(HOLD_MS / 2);
    expect(await codeOf(ann.waiting())).toBe('session_stale');
  });

  it('a token that never was is stale too', async () => {
    expect(await codeOf(box.client.call('whoami', {}, { token: 'x'.repeat(43) }))).toBe('session_stale');
  });
});

describe('a conversation that is opened in a second process', () => {
  const credential = randomUUID();
  const conversation = { client: 'claude' as const, id: randomUUID() };
  const claude = { kind: 'claude' as const, credential, conversation };

  it('moves there: the older process learns that it was superseded, at once', async () => {
    const older = await Peer.register(box.client, undefined, claude);
    const held = older.call('nextMessages', { wait_ms: HOLD_MS });
    await until(() => isOnline(older.name));
    const newer = await Peer.register(box.client, undefined, claude);
    expect(newer.id).toBe(older.id);
    expect((await held).messages).toEqual([]);
    expect(await codeOf(older.call('nextMessages', { wait_ms: HOLD_MS }))).toBe('session_superseded');
    expect(await codeOf(older.call('whoami', {}))).toBe('session_superseded');
    expect((await newer.call('whoami', {})).peer.online).toBe(true);
  });

  it('does not move back when the older process was away and registers again', async () => {
    const opened = { ...claude, conversation: { client: 'claude' as const, id: randomUUID() } };
    const older = await Peer.register(box.client, undefined, opened);
    await Peer.register(box.client, undefined, opened);
    const again = Peer.register(box.client, undefined, { ...opened, peer_id: older.id });
    expect(await codeOf(again)).toBe('session_superseded');
  });

  it('moves there also when the process learns its conversation late', async () => {
    const thread = { client: 'codex' as const, id: randomUUID() };
    const codex = { kind: 'codex' as const, credential };
    const older = await Peer.register(box.client, undefined, { ...codex, conversation: thread });
    const held = older.call('nextMessages', { wait_ms: HOLD_MS });
    await until(() => isOnline(older.name));
    const newer = await Peer.register(box.client, undefined, codex);
    const { peer, adopted } = await newer.call('bindConversation', { conversation: thread, credential });
    expect([peer.id, adopted]).toEqual([older.id, true]);
    expect((await held).messages).toEqual([]);
    expect(await codeOf(older.waiting())).toBe('session_superseded');
  });
});

describe('presence', () => {
  it('a session is online while it holds a request, and gone within 5 s of losing its connection', async () => {
    const ann = await Peer.register(box.client, 'present');
    const gone = new AbortController();
    const held = codeOf(ann.call('nextMessages', { wait_ms: HOLD_MS }, gone.signal));
    await until(() => isOnline('present'));
    gone.abort();
    expect(await held).toBe('cancelled');
    const start = performance.now();
    await until(async () => !(await isOnline('present')), { within: 5_000 });
    expect(performance.now() - start).toBeLessThan(5_000);
    await ann.waiting();
    expect(await isOnline('present')).toBe(true);
  });

  it('a held request returns with a message the moment it is sent', async () => {
    const ann = await Peer.register(box.client, 'waiting-ann');
    const bob = await Peer.register(box.client, 'waiting-bob');
    const held = bob.call('nextMessages', { wait_ms: HOLD_MS });
    await until(() => isOnline('waiting-bob'));
    const start = performance.now();
    await ann.send('waiting-bob', 'now');
    expect((await held).messages.map(({ text }) => text)).toEqual(['now']);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('asks for its mail by one request: an older one, whose connection may be dead, is ended and takes nothing', async () => {
    const ann = await Peer.register(box.client, 'twice-ann');
    const bob = await Peer.register(box.client, 'twice-bob');
    const older = bob.call('nextMessages', { wait_ms: HOLD_MS, number: 1 });
    await until(() => isOnline('twice-bob'));
    const newer = bob.call('nextMessages', { wait_ms: HOLD_MS, number: 2 });
    expect((await older).messages).toEqual([]);
    await ann.send('twice-bob', 'hello');
    expect((await newer).messages.map(({ text }) => text)).toEqual(['hello']);
  });

  it('an answer that its session never got is not lost', async () => {
    const ann = await Peer.register(box.client, 'cut-ann');
    const bob = await Peer.register(box.client, 'cut-bob');
    await ann.send('cut-bob', 'first');
    const gone = new AbortController();
    const cut = codeOf(bob.call('nextMessages', { wait_ms: 0 }, gone.signal));
    gone.abort();
    await cut;
    expect((await bob.waiting()).map(({ text, redelivered }) => [text, redelivered])).toEqual([['first', false]]);
  });
});
