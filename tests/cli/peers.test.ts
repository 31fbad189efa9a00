/** `peers` and `rename`: who is there, seen by the human. */
import { execFile } from 'node:child_process';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Response } from '../../shared/contract/index.ts';
import { type Agent, CliSandbox } from './helpers.ts';

type Peers = Response<'listPeers'>;

let sandbox: CliSandbox;
let falcon: Agent;
let shop: string;
let worktree: string;

async function git(...args: string[]): Promise<string> {
  const identity = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
  };
  const { stdout } = await promisify(execFile)('git', args, { cwd: shop, env: { ...sandbox.env, ...identity } });
  return stdout.trim();
}

beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
  shop = join(sandbox.home, 'shop');
  worktree = join(sandbox.home, 'shop-fix');
  await mkdir(shop);
  await git('init', '--quiet');
  await git('commit', '--quiet', '--allow-empty', '--message', 'first');
  await git('worktree', 'add', '--quiet', worktree);
  const repo = await realpath(await git('rev-parse', '--path-format=absolute', '--git-common-dir'));
  falcon = await sandbox.join('brave-falcon', { cwd: shop, repo, branch: 'main' });
  await falcon.update({
    summary: 'fixing the login page',
    tags: ['web'],
    status: 'dnd',
    status_message: 'in a release',
  });
  await sandbox.join('calm-otter', { kind: 'codex', cwd: worktree, repo, branch: 'fix' });
  await sandbox.join('quick-heron', { cwd: '/srv/other' });
  await (await sandbox.join('old-owl', { cwd: shop })).leave();
});
afterAll(() => sandbox.close());

async function names(args: string[], cwd?: string): Promise<string[]> {
  const { code, value } = await sandbox.json<Peers>(['peers', ...args], cwd === undefined ? {} : { cwd });
  expect(code).toBe(0);
  return value.peers.map((peer) => peer.name).sort();
}

describe('agent-peers peers', () => {
  it('shows each with kind, state, folder, branch, summary, status message and tags', async () => {
    const { code, stdout } = await sandbox.run(['peers']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^brave-falcon +claude +dnd .+ ~\/shop +main +none .+ \[in a release\] fixing the login page #web$/m,
    );
    expect(stdout).toMatch(/^calm-otter +codex +online /m);
    expect(stdout).toContain(falcon.id);
    expect(stdout).not.toContain('old-owl');
  });

  it('lists those who are offline with --all', async () => {
    expect(await names([])).toEqual(['brave-falcon', 'calm-otter', 'quick-heron']);
    expect(await names(['--all'])).toContain('old-owl');
  });

  it('narrows down by kind and tag', async () => {
    expect(await names(['--type', 'codex'])).toEqual(['calm-otter']);
    expect(await names(['--tag', 'web'])).toEqual(['brave-falcon']);
    expect(await names(['--tag', 'nobody-has-it'])).toEqual([]);
  });

  it('knows the folder it is called from, and its repository across worktrees', async () => {
    expect(await names(['--scope', 'directory'], shop)).toEqual(['brave-falcon']);
    expect(await names(['--scope', 'directory', '--all'], shop)).toEqual(['brave-falcon', 'old-owl']);
    expect(await names(['--scope', 'repo'], shop)).toEqual(['brave-falcon', 'calm-otter']);
    expect(await names(['--scope', 'repo'], worktree)).toEqual(['brave-falcon', 'calm-otter']);
    expect(await names(['--scope', 'repo'], sandbox.home)).toEqual([]);
  });

  it('says so when there is nobody', async () => {
    const { code, stdout } = await sandbox.run(['peers', '--tag', 'nobody-has-it']);
    expect(code).toBe(0);
    expect(stdout).toBe('Nobody to list. Peers that are offline are listed with --all.\n');
  });

  it('fits a narrow width', async () => {
    await falcon.update({ summary: 'a very long summary '.repeat(15) });
    const { stdout } = await sandbox.run(['peers'], { env: { COLUMNS: '80' } });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(stdout).toMatch(/\[in a release\] a very l.*…$/m);
  });
});

describe('agent-peers rename', () => {
  it('gives a peer another name by its old one or its id', async () => {
    const { code, stdout } = await sandbox.run(['rename', 'quick-heron', 'backend']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'quick-heron is now called backend.\n' });
    expect(await names([])).toContain('backend');
    const { value } = await sandbox.json<Response<'renamePeer'>>(['rename', falcon.id, 'frontend']);
    expect(value).toMatchObject({ old_name: 'brave-falcon', peer: { id: falcon.id, name: 'frontend' } });
  });

  it('refuses a name that is none, and a peer that is not there', async () => {
    const invalid = await sandbox.run(['rename', 'backend', 'not a name']);
    expect(invalid.code).toBe(2);
    expect(invalid.stderr).toMatch(/^error: .+\nhint: .+\n$/);
    const unknown = await sandbox.run(['rename', 'bakend', 'api']);
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toMatch(/hint: .*backend/);
  });
});
