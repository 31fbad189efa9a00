/** The title of the terminal tab shows the peer's name; the user can turn it off. */
import { join } from 'node:path';
import { spawn } from '@lydell/node-pty';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RUNTIMES, Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

const HELLO = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'claude-code', version: '1' } },
});

/** Runs a session as the child of a terminal, with its standard input and output elsewhere, and collects what the terminal shows. */
async function inTerminal(
  env: Record<string, string>,
): Promise<{ shown: () => string; registered: () => Promise<unknown> }> {
  const { command, entry } = RUNTIMES.node;
  const script = `(printf '%s\\n' '${HELLO}'; sleep 30) | '${command}' '${entry('claude-server')}' >/dev/null 2>&1`;
  let output = '';
  const terminal = spawn('/bin/sh', ['-c', script], {
    cwd: join(box.home, 'work'),
    env: { ...box.env, AGENT_PEERS_ENABLED: '1', PEER_NAME: 'bravo', AGENT_PEERS_DISABLE_TAB_TITLE: '', ...env },
  });
  terminal.onData((data) => {
    output += data;
  });
  return {
    shown: () => output,
    registered: async () => {
      await until(
        async () => (await box.client.call('brokerStatus', {}).catch(() => undefined))?.counts.sessions === 1,
      );
      return terminal.kill();
    },
  };
}

it('shows peer:<name>', async () => {
  const { shown, registered } = await inTerminal({});
  await until(() => shown().includes('\u001b]0;peer:bravo\u0007'));
  await registered();
});

it('is left alone with AGENT_PEERS_DISABLE_TAB_TITLE=1', async () => {
  const { shown, registered } = await inTerminal({ AGENT_PEERS_DISABLE_TAB_TITLE: '1' });
  await registered();
  expect(shown()).not.toContain('peer:');
});
