/** Who a session is: names, restarts, resumed conversations, and the end of a session. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentialPath } from '../session/identity.ts';
import type { McpClient } from './helpers/mcp-client.ts';
import { receiptOf } from './helpers/peer.ts';
import { isRunning } from './helpers/processes.ts';
import { RUNTIMES, type Runtime, Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

interface Self {
  readonly id: string;
  readonly name: string;
}

async function whoami(client: McpClient): Promise<Self> {
  const { text } = await client.tool('whoami');
  const [, name = '', id = ''] = /^(\S+) \[\w+\] id (\S+)/m.exec(text) ?? [];
  return { name, id };
}

async function peer(name: string) {
  const { peers } = await box.client.call('brokerStatus', { include_offline: true });
  return peers.find((p) => p.name === name);
}

describe('names', () => {
  it('are an adjective and a noun, unless PEER_NAME says another', async () => {
    expect((await whoami(await box.session())).name).toMatch(/^[a-z]+-[a-z]+$/);
    expect((await whoami(await box.session({ name: 'Bravo_1' }))).name).toBe('Bravo_1');
  });

  it('take -2, -3 where a live peer has them, also in other letters', async () => {
    await whoami(await box.session({ name: 'bravo' }));
    expect((await whoami(await box.session({ name: 'bravo' }))).name).toBe('bravo-2');
    expect((await whoami(await box.session({ name: 'BRAVO' }))).name).toBe('BRAVO-3');
  });

  it('can be changed by the peer itself; a taken or a bad one is refused with a hint', async () => {
    const alpha = await box.session({ name: 'alpha' });
    await whoami(await box.session({ name: 'bravo' }));
    expect((await alpha.tool('rename_peer', { new_name: 'zulu' })).text).toContain('You are zulu now (were alpha)');
    expect((await alpha.tool('rename_peer', { new_name: 'Bravo' })).text).toContain('Error name_taken');
    expect((await alpha.tool('rename_peer', { new_name: 'no spaces' })).isError).toBe(true);
  });

  it('that are not allowed end in an error that every tool gives, not in another name', async () => {
    const answer = await (await box.session({ name: 'no spaces' })).tool('whoami');
    expect(answer.text).toContain('Error invalid_name');
    expect(answer.text).toContain('1 to 32');
  });
});

describe('a session that comes back', () => {
  it('with the same PEER_NAME is the same peer, with its mail, even right after a SIGKILL', async () => {
    const first = await box.session({ name: 'bravo', side: 'codex' });
    const before = await whoami(first);
    await first.kill();
    const { message_id } = await box.client.call('sendMessage', { to: 'bravo', message: 'while you were away' });
    const again = await box.session({ name: 'bravo', side: 'codex' });
    const shown: string[] = [];
    await until(async () => {
      shown.push((await again.tool('whoami')).text);
      return shown.at(-1)?.includes(message_id);
    });
    expect(shown[0]).toContain(`bravo [codex] id ${before.id}`);
    expect(statSync(credentialPath(box.location.home)).mode & 0o077).toBe(0);
  });

  it('without the credential does not get the name of somebody else', async () => {
    const before = await whoami(await box.session({ name: 'bravo' }));
    const stranger = await box.client.call('registerSession', {
      kind: 'other',
      name: 'bravo',
      credential: 'a guess',
      peer_id: before.id,
      process: 'another-process',
      pid: process.pid,
      host: 'here',
      cwd: '/',
      client: { name: 'test', version: '1' },
      push_route: 'none',
    });
    expect(stranger.peer.name).toBe('bravo-2');
    expect(stranger.peer.id).not.toBe(before.id);
  });

  it('with the same Claude conversation is the same peer; the newer process wins and the older falls silent', async () => {
    const env = { CLAUDE_CODE_SESSION_ID: '11111111-2222-3333-4444-555555555555' };
    const older = await box.session({ env });
    const before = await whoami(older);
    const newer = await box.session({ env });
    expect(await whoami(newer)).toEqual(before);
    await until(async () => (await older.tool('whoami')).text.includes('session_superseded'));
    await box.client.call('sendMessage', { to: before.id, message: 'for one of you' });
    await newer.channelEvent('for one of you');
    expect(older.notifications).toEqual([]);
    expect(older.child.exitCode).toBeNull();
  });

  it('shows the credential that it registered with, whatever became of the file since', async () => {
    const path = credentialPath(box.location.home);
    const first = await box.session({ side: 'codex' });
    await first.tool('whoami');
    const kept = readFileSync(path);
    writeFileSync(path, `${'x'.repeat(43)}\n`);
    await first.tool('whoami', {}, { threadId: 'thread-kept' });
    const before = await whoami(first);
    writeFileSync(path, kept);
    await first.end();
    const second = await box.session({ side: 'codex' });
    expect((await second.tool('whoami', {}, { threadId: 'thread-kept' })).text).toContain(`id ${before.id}`);
  });

  it('with the same Codex thread becomes the earlier peer at its first call, and mail for the fresh one follows', async () => {
    const first = await box.session({ side: 'codex' });
    await first.tool('whoami', {}, { threadId: 'thread-1' });
    const before = await whoami(first);
    await first.end();
    const second = await box.session({ side: 'codex' });
    const fresh = await until(async () =>
      (await box.client.call('brokerStatus', {})).peers.find((p) => p.online && p.id !== before.id),
    );
    await box.client.call('sendMessage', { to: fresh.id, message: 'to the fresh one' });
    const shown: string[] = [];
    await until(async () => {
      shown.push((await second.tool('whoami', {}, { threadId: 'thread-1' })).text);
      return shown.at(-1)?.includes('> to the fresh one');
    });
    expect(shown[0]).toContain(`id ${before.id}`);
    // what comes from now on comes by itself, though the session was waiting as the fresh peer
    const waiting = second.tool('wait_for_messages', { timeout_s: 20 });
    const { to } = receiptOf(await box.client.call('sendMessage', { to: fresh.name, message: 'by the old name' }));
    expect(to.id).toBe(before.id);
    expect((await waiting).text).toContain('> by the old name');
  });

  it('is the same peer for a broker that has forgotten its sessions', async () => {
    const client = await box.session({ side: 'codex' });
    const before = await whoami(client);
    const pid = await box.brokerPid();
    process.kill(pid, 'SIGKILL');
    expect(await whoami(client)).toEqual(before);
  });
});

describe.each<Runtime>(['node', 'bun'])('the end of a session under %s', (runtime) => {
  it('by SIGKILL: it leaves discovery within 5 s, and its mail is kept', async () => {
    const client = await box.session({ name: 'bravo', runtime });
    await whoami(client);
    await client.kill();
    await until(async () => (await peer('bravo'))?.online === false, { within: 5_000 });
    const receipt = receiptOf(await box.client.call('sendMessage', { to: 'bravo', message: 'later' }));
    expect(receipt.outcome).toBe('offline');
    expect(receipt.detail).toContain('kept until it returns');
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('by %s: the process is gone within 2 s', async (signal) => {
    const client = await box.session({ name: 'bravo', runtime });
    await whoami(client);
    const start = performance.now();
    await client.kill(signal);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect((await peer('bravo'))?.online).toBe(false);
  });

  it('by the death of the process that started it, though somebody else holds its standard input open', async () => {
    const { command, entry } = RUNTIMES[runtime];
    const starter = spawn('sh', ['-c', `'${command}' '${entry('claude-server')}' <&3 & echo $!; wait`], {
      env: { ...box.env, AGENT_PEERS_ENABLED: '1', PEER_NAME: 'bravo' },
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    const [first] = (await once(starter.stdout ?? starter, 'data')) as [Buffer];
    const pid = Number(String(first).trim());
    const input = starter.stdio[3] as Writable;
    const hello = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'claude-code', version: '1' },
    };
    input.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello })}\n`);
    await until(async () => (await peer('bravo').catch(() => undefined))?.online);
    starter.kill('SIGKILL');
    await until(() => !isRunning(pid), { within: 5_000 });
    expect((await peer('bravo'))?.online).toBe(false);
  });

  it('by the end of its standard input: gone within 2 s and out of discovery at once', async () => {
    const client = await box.session({ name: 'bravo', runtime });
    await whoami(client);
    const start = performance.now();
    await client.end();
    expect(performance.now() - start).toBeLessThan(2_000);
    expect((await peer('bravo'))?.online).toBe(false);
  });
});

describe('the idle switch', () => {
  it('without AGENT_PEERS_ENABLED=1: no tools, no broker, no files', async () => {
    const client = await box.session({ env: { AGENT_PEERS_ENABLED: '0' } });
    const { error, result } = await client.request('tools/list').answer;
    expect(error?.code ?? (result as { tools: unknown[] }).tools.length).toBe(error ? -32601 : 0);
    await expect(box.client.hello()).rejects.toThrow(/No broker answers/);
    expect(existsSync(box.location.home)).toBe(false);
    expect(existsSync(box.location.db)).toBe(false);
  });
});
