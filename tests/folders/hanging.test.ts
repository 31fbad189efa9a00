/** Nothing that a folder or a git holds up can hold up a session, or stay behind it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEmpty, rawText } from '../../shared/peer-text.ts';
import { endless, fifo } from '../helpers/odd-files.ts';
import { isRunning } from '../helpers/processes.ts';
import { RUNTIMES, type Runtime, Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

let box: Sandbox;
let made = 0;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

/** On branch main, with a changed file. */
function repository(): string {
  made += 1;
  const path = join(box.home, `repo-${made}`);
  mkdirSync(path);
  const git = (...args: string[]) => execFileSync('git', args, { cwd: path, env: box.env, stdio: 'pipe' });
  git('init', '-q', '-b', 'main');
  writeFileSync(join(path, 'a.ts'), 'a\n');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.com', 'commit', '-qm', 'first');
  writeFileSync(join(path, 'a.ts'), 'changed\n');
  return path;
}

/** A program named git, to come before the real one on PATH; `$PIDS` is a file for the processes that it starts. */
function pretendedGit(script: string): { env: { PATH: string }; running: () => boolean[] } {
  made += 1;
  const folder = join(box.home, `bin-${made}`);
  const pids = join(folder, 'pids');
  mkdirSync(folder);
  writeFileSync(join(folder, 'git'), `#!/bin/sh\nPIDS=${pids}\n${script}\n`);
  chmodSync(join(folder, 'git'), 0o755);
  return {
    env: { PATH: `${folder}:${box.env['PATH']}` },
    running: () =>
      existsSync(pids) ? readFileSync(pids, 'utf8').split('\n').filter(Boolean).map(Number).map(isRunning) : [],
  };
}

/** Its child keeps the output open, and takes no notice of a polite request to end. */
const HANGS = `echo $$ >> $PIDS
(trap '' TERM HUP INT; sh -c 'echo $PPID' >> $PIDS; while :; do sleep 100; done)`;

/** A session in this folder works, though nothing but its own name and folder may be known. @returns its summary */
async function summaryIn(cwd: string, env: Record<string, string> = {}, runtime: Runtime = 'node'): Promise<string> {
  const session = await box.session({ cwd, env, runtime });
  expect((await session.tool('list_peers')).isError).toBe(false);
  const { summary } = await until(async () => {
    const { peers } = await box.client.call('brokerStatus', {});
    return peers.find((peer) => rawText(peer.cwd) === cwd && !isEmpty(peer.summary));
  });
  await session.end();
  return rawText(summary);
}

describe.concurrent.each(Object.keys(RUNTIMES) as Runtime[])('a git that hangs, under %s', (runtime) => {
  it('holds up nothing, and is killed with what it started', async () => {
    const git = pretendedGit(HANGS);
    expect(await summaryIn(repository(), git.env, runtime)).toMatch(/^repo-\d+ on main$/);
    expect(git.running().length).toBeGreaterThan(1);
    await until(() => !git.running().includes(true));
  });

  it('is killed with what it started when the session ends before', async () => {
    const git = pretendedGit(HANGS);
    const session = await box.session({ cwd: repository(), env: git.env, runtime });
    await until(() => git.running().filter(Boolean).length > 1);
    await session.end();
    await until(() => !git.running().includes(true));
  });

  it('is killed when it prints without end', async () => {
    const git = pretendedGit('echo $$ >> $PIDS; exec yes');
    expect(await summaryIn(repository(), git.env, runtime)).toMatch(/^repo-\d+ on main$/);
    await until(() => !git.running().includes(true));
  });
});

describe('a folder in which something else than a file has the name of one', () => {
  const long = (path: string) => writeFileSync(path, Buffer.alloc(10_000_000, 'ref: refs/heads/x'));

  it.concurrent.each([
    ['a FIFO', '.git', fifo, ''],
    ['endless', '.git', endless, ''],
    ['a FIFO', '.git/HEAD', fifo, ''],
    ['endless', '.git/HEAD', endless, ''],
    ['10 MB', '.git/HEAD', long, ''],
    ['endless', '.git/commondir', endless, ' on main: changing a.ts'],
    ['a FIFO', '.git/config', fifo, ' on main: changing a.ts'],
    ['endless', '.git/config', endless, ' on main: changing a.ts'],
    ['a FIFO', '.git/index', fifo, ' on main'],
    ['endless', '.git/index', endless, ' on main'],
    ['a FIFO', '.git/refs/heads/main', fifo, ' on main'],
    ['a FIFO', '.git/packed-refs', fifo, ' on main'],
    ['a FIFO', '.gitignore', fifo, ' on main'],
  ] as const)('%s: %s does not hold up the session', async (_what, name, put, known) => {
    const path = repository();
    rmSync(join(path, name), { recursive: true, force: true });
    put(join(path, name));
    expect(await summaryIn(path)).toBe(`${basename(path)}${known}`);
  });
});
