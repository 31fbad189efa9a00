/** Hooks of the client: they bring what waits, and say what the agent is doing. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { McpClient } from './helpers/mcp-client.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
});
afterEach(() => box.close());

/** The operator writes: cheaper than a session, and as good a sender as any. */
async function write(to: string, message: string, extra: object = {}): Promise<string> {
  const receipt = await box.client.call('sendMessage', { to, message, ...extra });
  return receipt.message_id;
}

async function online(name: string): Promise<void> {
  await until(async () => {
    const { peers } = await box.client.call('brokerStatus', {});
    return peers.some((peer) => peer.name === name && peer.online);
  });
}

describe('hooks', () => {
  async function hook(client: McpClient, event: string, extra: object = {}): Promise<Record<string, unknown>> {
    return JSON.parse((await client.tool('peer_hook', { event, ...extra })).text) as Record<string, unknown>;
  }

  it('bring what waits, once, as the event wants it; nothing waiting is an empty answer in under 5 ms', async () => {
    const claude = await box.session({ name: 'alpha', env: { AGENT_PEERS_PUSH: 'none' } });
    await online('alpha');
    expect(await hook(claude, 'PostToolUse')).toEqual({});
    const times: number[] = [];
    for (let i = 0; i < 50; i += 1) {
      const start = performance.now();
      await hook(claude, 'PostToolUse');
      times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    expect(times[25]).toBeLessThan(5);

    const id = await write('alpha', 'for your information', { priority: 'info' });
    const other = await write('alpha', 'between two tools');
    const context = await until(async () => {
      const answer = await hook(claude, 'PostToolUse');
      return answer['hookSpecificOutput'] as { hookEventName: string; additionalContext: string } | undefined;
    });
    expect(context.hookEventName).toBe('PostToolUse');
    expect(context.additionalContext).toContain(other);
    expect(context.additionalContext).not.toContain(id);

    const stop = await hook(claude, 'Stop', { stop_hook_active: 'false' });
    expect(stop['decision']).toBe('block');
    expect(stop['reason']).toContain('> for your information');
    expect(await hook(claude, 'Stop', { stop_hook_active: 'true' })).toEqual({});
    const { deliveries } = await until(async () => {
      const status = await box.client.call('messageStatus', { message_id: id });
      return status.deliveries[0]?.state === 'confirmed' && status;
    });
    expect(deliveries[0]?.confirmed_by).toBe('hook');
  });

  it('tell the others whether the agent is busy, and who asked hears when it falls idle', async () => {
    const claude = await box.session({ name: 'alpha', env: { AGENT_PEERS_PUSH: 'none' } });
    const codex = await box.session({ side: 'codex', name: 'bravo' });
    await hook(claude, 'UserPromptSubmit');
    await until(async () => (await codex.tool('list_peers')).text.includes('alpha [claude] busy'));
    expect((await codex.tool('notify_when_idle', { peer: 'alpha' })).text).toContain('You will get a message');
    await hook(claude, 'Stop');
    await until(async () => (await codex.tool('check_messages')).text.includes('alpha is idle now'));
    expect((await codex.tool('list_peers')).text).toContain('alpha [claude] idle');
  });

  it('give a message back that they took for a call which its client gave up', async () => {
    const codex = await box.session({ side: 'codex', name: 'bravo' });
    await online('bravo');
    await write('bravo', 'the build is broken, stop');
    // both lines in one write: the session reads them together, as after a moment in which it stood still
    const call = { id: 777, method: 'tools/call', params: { name: 'peer_hook', arguments: { event: 'PostToolUse' } } };
    const cancel = { method: 'notifications/cancelled', params: { requestId: call.id, reason: 'timeout' } };
    const lines = [call, cancel].map((message) => JSON.stringify({ jsonrpc: '2.0', ...message }));
    codex.child.stdin?.write(`${lines.join('\n')}\n`);
    await until(async () => (await codex.tool('check_messages')).text.includes('> the build is broken, stop'));
  });

  it('are no tool that a model sees', async () => {
    const claude = await box.session({ name: 'alpha' });
    const { result } = await claude.request('tools/list').answer;
    const names = (result as { tools: { name: string }[] }).tools.map(({ name }) => name);
    expect(names).toContain('send_message');
    expect(names).not.toContain('peer_hook');
  });
});
