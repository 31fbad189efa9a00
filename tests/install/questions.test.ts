/** `install` on a terminal: what it asks, and that only a yes changes anything. */

import { stripVTControlCharacters } from 'node:util';
import { spawn } from '@lydell/node-pty';
import { expect, it } from 'vitest';
import { RUNTIMES } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';
import { type Home, testHome } from './home.ts';

const ENTER = '\r';
const CTRL_C = '\u0003';

/** Answers questions in their order: the text that shows, then the keys for it. */
async function answered(
  home: Home,
  args: readonly string[],
  answers: readonly (readonly [shown: string, keys: string])[],
): Promise<{ code: number; out: string }> {
  const terminal = spawn(RUNTIMES.node.command, [RUNTIMES.node.entry('cli'), ...args], {
    cols: 100,
    rows: 40,
    cwd: home.path,
    env: home.env,
  });
  let out = '';
  let code: number | undefined;
  terminal.onData((chunk) => {
    out += stripVTControlCharacters(chunk);
  });
  terminal.onExit(({ exitCode }) => {
    code = exitCode;
  });
  for (const [shown, keys] of answers) {
    await until(() => out.includes(shown), { what: shown });
    terminal.write(keys);
  }
  await until(() => code !== undefined, { what: 'the end' });
  return { code: code ?? -1, out };
}

const CLIENTS = 'Which clients shall have agent-peers?';
const HOOKS = 'Add hooks';
const ALIAS = 'Add the command agentpeers to bash?';
const SURE = 'Make these changes?';

it('asks for clients, hooks and the command, shows every change, and makes them after a yes', async () => {
  const home = await testHome();
  const { code, out } = await answered(
    home,
    ['install'],
    [
      [CLIENTS, ENTER],
      [HOOKS, ENTER],
      [ALIAS, ENTER],
      [SURE, ENTER],
    ],
  );
  expect(code).toBe(0);
  expect(out).toContain('+[mcp_servers.agent-peers]');
  expect(home.read('.claude.json')).toContain('agent-peers');
  expect(home.read('.claude/settings.json')).toContain('peer_hook');
  expect(home.read('.codex/config.toml')).toContain('[[hooks.Stop]]');
  expect(home.read('.bashrc')).toContain('alias agentpeers=');
});

it('does only what was chosen', async () => {
  const home = await testHome();
  // the first client is taken out of the choice; without Claude Code there is no command to ask for
  const { code } = await answered(
    home,
    ['install'],
    [
      [CLIENTS, ` ${ENTER}`],
      [HOOKS, `n`],
      [SURE, 'y'],
    ],
  );
  expect(code).toBe(0);
  expect([home.has('.claude.json'), home.has('.bashrc')]).toEqual([false, false]);
  expect(home.read('.codex/config.toml')).not.toContain('hooks');
});

it.each([
  ['Ctrl-C at the first question', [[CLIENTS, CTRL_C]]],
  [
    'Ctrl-C at the last question',
    [
      [CLIENTS, ENTER],
      [HOOKS, ENTER],
      [ALIAS, ENTER],
      [SURE, CTRL_C],
    ],
  ],
  [
    'no',
    [
      [CLIENTS, ENTER],
      [HOOKS, ENTER],
      [ALIAS, ENTER],
      [SURE, 'n'],
    ],
  ],
] as const)('changes nothing after %s', async (_what, answers) => {
  const home = await testHome();
  const before = home.snapshot();
  const { out } = await answered(home, ['install'], answers);
  expect(out).toContain('Nothing was changed.');
  expect(home.snapshot()).toEqual(before);
});

it('asks before it deletes messages, and takes Enter for a no', async () => {
  const home = await testHome();
  await home.run('install', '--yes');
  home.write('.agent-peers.db', 'mail');
  const { code } = await answered(home, ['uninstall', '--purge'], [['This cannot be taken back.', ENTER]]);
  expect(code).toBe(2);
  expect(home.read('.agent-peers.db')).toBe('mail');
  expect((await answered(home, ['uninstall', '--purge'], [['This cannot be taken back.', 'y']])).code).toBe(0);
  expect(home.has('.agent-peers.db')).toBe(false);
});
