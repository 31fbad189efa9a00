/** What a session gets from its client and must keep: Claude Code hands its children its whole environment. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isEmpty } from '../../shared/peer-text.ts';
import { CLAUDE_KEY } from './harness/claude.ts';
import { CODEX_KEY } from './harness/codex.ts';
import { KEY_NAME } from './harness/codex-config.ts';
import type { Sandbox } from './harness/sandbox.ts';
import { claudeHooks, codexHooks } from './hooks.ts';
import { Household } from './household.ts';
import { call } from './models/directives.ts';
import { claudeRig, codexRig, createSandbox } from './rig.ts';

const CLAUDE_SECRETS = ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_MESSAGING_TOKEN'];

function leaks(secrets: readonly string[], text: string): boolean {
  return secrets.some((secret) => text.includes(secret));
}

/** The values of these variables in `NAME=value` lines. */
function valuesOf(environment: string, ...names: string[]): string[] {
  return names.map((name) => {
    const value = new RegExp(`^${name}=(.+)$`, 'm').exec(environment)?.[1];
    if (value === undefined) throw new Error(`The client did not set ${name}: this test would prove nothing.`);
    return value;
  });
}

/** A `git` that writes down the environment it is called with. */
async function recordingGit({ root }: Sandbox): Promise<{ readonly path: string; environment(): Promise<string> }> {
  const folder = join(root, 'bin');
  const record = join(root, 'git-environment');
  await mkdir(folder);
  await writeFile(join(folder, 'git'), `#!/bin/sh\nenv >>'${record}'\nexit 128\n`);
  await chmod(join(folder, 'git'), 0o755);
  return { path: `${folder}:${process.env['PATH']}`, environment: () => readFile(record, 'utf8') };
}

test('no key or token of a client is written down, or given to the broker', async () => {
  const household = await Household.open();
  // an inbox that cannot be reached: what goes wrong is logged as well
  const unreachable = { CLAUDE_CODE_MESSAGING_SOCKET: '/nonexistent/inbox.sock' };
  const alpha = await claudeRig({ server: household.server('claude', 'alpha', unreachable), settings: claudeHooks() });
  const bravo = await codexRig({
    server: household.server('codex', 'bravo'),
    passEnv: [KEY_NAME],
    hooks: codexHooks(),
  });
  const claude = alpha.claude.stream();
  await claude.turn('Good morning.');
  await household.sees('alpha');
  const codex = await bravo.codex.exec(
    `Tell alpha. ${call('send_message', { to_id: 'alpha', message: 'CI is red.' })}`,
  );
  expect(codex.code, codex.stderr).toBe(0);
  await household.logged('alpha', 'push failed');
  await claude.turn(`What is new? ${call('list_peers')}`);
  await alpha.model.until('CI is red.');

  const secrets = [
    ...valuesOf(household.environment('alpha'), ...CLAUDE_SECRETS),
    ...valuesOf(household.environment('bravo'), KEY_NAME),
  ];
  expect(secrets).toEqual(expect.arrayContaining([CLAUDE_KEY, CODEX_KEY]));
  const written = household.written();
  expect([...written.keys()].map((path) => path.replace(/.*\//, ''))).toEqual(
    expect.arrayContaining(['alpha.log', 'bravo.log', 'broker.log', 'agent-peers.db']),
  );
  expect([...written].filter(([, text]) => leaks(secrets, text)).map(([path]) => path)).toEqual([]);
  const { pid } = await household.client.hello();
  // elsewhere the environment of another process cannot be read
  const environment = process.platform === 'linux' ? readFileSync(`/proc/${pid}/environ`, 'latin1') : '';
  expect(leaks(secrets, environment), 'the broker’s environment').toBe(false);
});

test('no key or token of a client is given to git', async () => {
  const household = await Household.open();
  const git = await recordingGit(await createSandbox());
  const { claude, sandbox } = await claudeRig({ server: household.server('claude', 'alpha', { PATH: git.path }) });
  // outside of a repository git is not asked at all
  execFileSync('git', ['init', '--quiet'], { cwd: sandbox.project });
  const session = claude.stream();
  await household.sees('alpha', ({ summary }) => !isEmpty(summary));
  await session.turn('Good morning.');

  const secrets = valuesOf(household.environment('alpha'), ...CLAUDE_SECRETS);
  const environment = await git.environment();
  expect(environment, 'git was asked').toContain(`PATH=${git.path}`);
  expect(leaks(secrets, environment)).toBe(false);
});
