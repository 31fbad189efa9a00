/** Where PATH names the current folder, what lies in that folder is still not taken for a program of the user. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { outcome } from '../cli/helpers.ts';
import { ROOT } from '../helpers/sandbox.ts';
import { testHome } from '../install/home.ts';

const PATH = `.::bin:${dirname(process.execPath)}:/usr/bin:/bin`;

it('install takes no client from there', async () => {
  const home = await testHome({});
  // HOME is the current folder of the command; its bin/ is on PATH by that relative name
  for (const name of ['claude', 'codex']) home.program(name, 'touch "$HOME/mark"; echo 2.1.329');
  home.env['PATH'] = PATH;
  expect(await home.run('install', '--dry-run')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('Neither'),
  });
  expect(home.has('mark')).toBe(false);
});

it('doctor takes no ps but that of the system', async () => {
  const home = await testHome({});
  home.program('ps', 'touch "$HOME/mark"');
  home.env['PATH'] = `${home.at('bin')}:${PATH}`;
  expect(JSON.parse((await home.run('doctor', '--json')).stdout)).toHaveProperty('findings');
  expect(home.has('mark')).toBe(false);
});

it('the plugin takes no installation from there', async () => {
  const home = await testHome({});
  home.program('agent-peers', 'exit 1');
  const mark = home.at('mark');
  writeFileSync(home.at('bin/claude-server.js'), `require('node:fs').writeFileSync(${JSON.stringify(mark)}, '');\n`);
  // as Claude Code copies it: away from its package
  cpSync(join(ROOT, 'plugin', 'server.mjs'), home.at('plugins/server.mjs'));
  const env = { ...home.env, PATH };
  const child = spawn(process.execPath, [home.at('plugins/server.mjs')], { env, cwd: home.path });
  child.stdin.end();
  expect(await outcome(child)).toMatchObject({ code: 1, stderr: expect.stringContaining('not installed') });
  expect(existsSync(mark)).toBe(false);
});
