/** `update`: a git clone by pulling, a global installation by npm, and the old broker ends. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcome, type Ran } from '../cli/helpers.ts';
import { ROOT } from '../helpers/sandbox.ts';
import { Home } from './home.ts';

const DIST = process.env['AGENT_PEERS_TEST_DIST'] ?? join(ROOT, 'dist');

let home: Home;
beforeEach(async () => {
  home = await Home.make({});
  // npm is pretended everywhere: it would fetch, and takes minutes
  home.program('npm', 'echo "$@" >> "$HOME/bin/npm-calls"; echo "added 1 package"');
});
afterEach(() => home.remove());

/** The built program in a folder of its own, as it lies in a clone or in npm's global folder. */
function placed(folder: string): string {
  mkdirSync(home.at(folder), { recursive: true });
  cpSync(DIST, home.at(`${folder}/dist`), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), home.at(`${folder}/node_modules`));
  writeFileSync(home.at(`${folder}/package.json`), '{ "name": "agent-peers-mcp", "type": "module" }\n');
  return home.at(`${folder}/dist/cli.js`);
}

function run(cli: string, ...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [cli, ...args], { env: home.env, cwd: home.path });
  child.stdin.end();
  return outcome(child);
}

function git(cwd: string, ...args: string[]): string {
  const env = {
    ...home.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8' });
}

describe('a global installation', () => {
  it('is updated by npm, and its broker ends', async () => {
    const cli = placed('lib/node_modules/agent-peers-mcp');
    expect((await run(cli, 'status', '--start')).code).toBe(0);
    const dry = await run(cli, 'update', '--dry-run');
    expect(dry.stdout).toBe(
      'Would run: npm install --global agent-peers-mcp@latest\nWould run: agent-peers kill-broker\n',
    );
    expect(existsSync(home.at('bin/npm-calls'))).toBe(false);
    const updated = await run(cli, 'update');
    expect(updated).toMatchObject({ code: 0, stderr: '' });
    expect(updated.stdout).toMatch(/\$ npm install .*\nadded 1 package\nUpdated\.\nThe broker, process \d+, has ended/);
    expect(readFileSync(home.at('bin/npm-calls'), 'utf8')).toBe('install --global agent-peers-mcp@latest\n');
    expect((await run(cli, 'status')).code).toBe(5);
  });

  it('stays as it is when npm fails, and says what npm said', async () => {
    const cli = placed('lib/node_modules/agent-peers-mcp');
    home.program('npm', 'echo "npm error EACCES: permission denied" >&2; exit 243');
    const { code, stderr } = await run(cli, 'update');
    expect(code).toBe(1);
    expect(stderr).toContain('npm error EACCES: permission denied');
  });
});

describe('a git clone', () => {
  let cli: string;
  let clone: string;
  beforeEach(() => {
    const origin = home.at('origin');
    mkdirSync(origin);
    git(origin, 'init', '-q', '-b', 'main');
    writeFileSync(join(origin, '.gitignore'), 'dist\nnode_modules\npackage.json\n');
    git(origin, 'add', '.');
    git(origin, 'commit', '-qm', 'one');
    clone = home.at('clone');
    git(home.path, 'clone', '-q', origin, clone);
    cli = placed('clone');
    writeFileSync(join(origin, 'news.txt'), 'new\n');
    git(origin, 'add', '.');
    git(origin, 'commit', '-qm', 'two');
  });

  it('is pulled and built', async () => {
    const { code, stderr, stdout } = await run(cli, 'update');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('$ git pull --ff-only');
    expect(existsSync(join(clone, 'news.txt'))).toBe(true);
    expect(readFileSync(home.at('bin/npm-calls'), 'utf8')).toBe('ci\n');
  });

  it('with local changes is left alone', async () => {
    writeFileSync(join(clone, 'mine.txt'), 'mine\n');
    const { code, stderr } = await run(cli, 'update');
    expect(code).toBe(4);
    expect(stderr).toContain('mine.txt');
    expect(existsSync(join(clone, 'news.txt'))).toBe(false);
    chmodSync(join(clone, 'mine.txt'), 0o644);
  });
});
