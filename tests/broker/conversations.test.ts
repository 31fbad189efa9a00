/** Who may become the peer of a conversation: a token and an id are not enough. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { homeCredential } from '../../session/identity.ts';
import type { Conversation, PeerKind } from '../../shared/contract/types.ts';
import type { McpClient } from '../helpers/mcp-client.ts';
import { Peer, receiptOf } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
let credential: string;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
  credential = homeCredential(box.location.home).credential;
});
afterAll(() => box.close());

async function idOf(client: McpClient): Promise<string | undefined> {
  return / id (\S+)/.exec((await client.tool('whoami')).text)?.[1];
}

describe('a live session of a conversation', () => {
  let victim: McpClient;
  let victimId: string | undefined;
  let conversation: Conversation;
  beforeEach(async () => {
    conversation = { client: 'claude', id: randomUUID() };
    victim = await box.session({ env: { CLAUDE_CODE_SESSION_ID: conversation.id } });
    victimId = await idOf(victim);
    return () => victim.end();
  });

  /** It has noticed nothing: it gets its mail, and nobody else does. */
  async function expectUntouched(others: readonly Peer[]): Promise<void> {
    const text = `for the victim ${randomUUID()}`;
    const sent = await box.client.call('sendMessage', { to: victimId ?? '', message: text });
    expect(receiptOf(sent).to.id).toBe(victimId);
    await victim.channelEvent(text);
    expect(await idOf(victim)).toBe(victimId);
    for (const other of others) expect(await other.waiting()).toEqual([]);
  }

  it.each<PeerKind>(['claude', 'codex', 'other'])(
    'stays who it is when a %s session binds its id by a token alone',
    async (kind) => {
      const thief = await Peer.register(box.client, undefined, { kind });
      for (const proof of [{}, { credential: thief.credential }, { credential: 'a guess' }]) {
        const { peer, adopted } = await thief.call('bindConversation', { conversation, ...proof });
        expect([peer.id, adopted]).toEqual([thief.id, false]);
      }
      await expectUntouched([thief]);
    },
  );

  it('stays who it is when somebody with the token of another session of the same home binds its id', async () => {
    const other = await Peer.register(box.client, undefined, { kind: 'claude', credential });
    const { peer, adopted } = await other.call('bindConversation', { conversation });
    expect([peer.id, adopted]).toEqual([other.id, false]);
    await expectUntouched([other]);
  });

  it('stays who it is when a session registers with its id but without the credential', async () => {
    const kind = 'claude';
    const guess = await Peer.register(box.client, undefined, { kind, conversation, credential: 'a guess' });
    const none = await box.client.call('registerSession', {
      kind,
      conversation,
      process: randomUUID(),
      pid: process.pid,
      host: 'host',
      cwd: '/',
      client: { name: 'test', version: '1' },
      push_route: 'none',
    });
    expect([guess.id, none.peer.id]).not.toContain(victimId);
    await expectUntouched([guess]);
  });

  it('stays who it is when a session of another kind of client shows the credential', async () => {
    for (const kind of ['codex', 'other'] as const) {
      const registered = await Peer.register(box.client, undefined, { kind, conversation, credential });
      expect(registered.id).not.toBe(victimId);
      const { peer, adopted } = await registered.call('bindConversation', { conversation, credential });
      expect([peer.id, adopted]).toEqual([registered.id, false]);
    }
    await expectUntouched([]);
  });
});

it('the broker logs what it did not bind, without the id', async () => {
  const id = randomUUID();
  const ann = await Peer.register(box.client, undefined, { kind: 'codex' });
  await ann.call('bindConversation', { conversation: { client: 'codex', id } });
  expect(box.brokerLog()).toContain('not bound');
  expect(box.brokerLog()).not.toContain(id);
});

it('a stranger finds its own peer of the same conversation id again', async () => {
  const conversation = { client: 'codex' as const, id: randomUUID() };
  const ours = await Peer.register(box.client, undefined, { kind: 'codex', conversation, credential });
  const theirs = { kind: 'codex' as const, conversation, credential: randomUUID() };
  const first = await Peer.register(box.client, undefined, theirs);
  expect(first.id).not.toBe(ours.id);
  await first.call('closeSession', {});
  expect((await Peer.register(box.client, undefined, theirs)).id).toBe(first.id);
});
