/** What peers see of a session's work: place, branch, worktrees, the automatic summary. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawText } from '../shared/peer-text.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
let repo: string;
const servers: Server[] = [];

function git(...args: string[]): void {
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], {
    cwd: repo,
    stdio: 'pipe',
    env: box.env,
  });
}

beforeEach(async () => {
  box = await Sandbox.create();
  repo = join(box.home, 'webshop');
  mkdirSync(repo);
  git('init', '-b', 'feat/login');
  writeFileSync(join(repo, 'kept.ts'), 'export {};\n');
  git('add', '.');
  git('commit', '-m', 'first');
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await box.close();
});

async function summaryOf(name: string, matches: RegExp): Promise<string> {
  const peer = await until(async () => {
    const { peers } = await box.client.call('brokerStatus', {}).catch(() => ({ peers: [] }));
    return peers.find((p) => p.name === name && matches.test(rawText(p.summary)));
  });
  return rawText(peer.summary);
}

/** A model on loopback that keeps what it was asked. */
async function model(answer: string): Promise<{ url: string; asked: { path: string; auth: string; body: string }[] }> {
  const asked: { path: string; auth: string; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      asked.push({ path: request.url ?? '', auth: request.headers.authorization ?? '', body });
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          choices: [{ index: 0, message: { role: 'assistant', content: answer } }],
        }),
      );
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

describe('the automatic summary', () => {
  it('says branch and changed files from git, without a model', async () => {
    writeFileSync(join(repo, 'cart.ts'), 'secret content\n');
    await box.session({ name: 'alpha', cwd: repo });
    expect(await summaryOf('alpha', /cart/)).toBe('webshop on feat/login: changing cart.ts');
  });

  it.each([
    ['OPENAI_API_KEY', 'gpt-5.4-nano'],
    ['GEMINI_API_KEY', 'gemini-2.5-flash-lite'],
  ])('is worded by a model where %s is set, which learns branch, directory and file names only', async (key, name) => {
    writeFileSync(join(repo, 'cart.ts'), 'secret content\n');
    const { url, asked } = await model('Builds the \u001b[31mlogin\u001b[0m page.');
    await box.session({ name: 'alpha', cwd: repo, env: { [key]: 'sk-test-key', AGENT_PEERS_SUMMARY_BASE_URL: url } });
    expect(await summaryOf('alpha', /login page/)).toBe('Builds the login page.');
    expect(asked).toHaveLength(1);
    expect(asked[0]?.path).toBe('/v1/chat/completions');
    expect(asked[0]?.auth).toBe('Bearer sk-test-key');
    const { model: used, messages } = JSON.parse(asked[0]?.body ?? '{}') as {
      model: string;
      messages: { content: string }[];
    };
    expect(used).toBe(name);
    expect(JSON.parse(messages[1]?.content ?? '')).toEqual({
      directory: 'webshop',
      branch: 'feat/login',
      files: ['cart.ts'],
    });
    expect(asked[0]?.body).not.toContain('secret content');
  });

  it('stays the local one when the model fails, and never replaces what the agent wrote', async () => {
    const { url } = await model('');
    const alpha = await box.session({
      name: 'alpha',
      cwd: repo,
      env: { OPENAI_API_KEY: 'k', AGENT_PEERS_SUMMARY_BASE_URL: `${url}/nowhere/%` },
    });
    await summaryOf('alpha', /kept\.ts/);
    await alpha.tool('set_summary', { summary: 'Fixing the cart' });
    await alpha.end();
    await box.session({ name: 'alpha', cwd: repo });
    await until(async () => (await box.client.call('brokerStatus', {})).counts.sessions === 1);
    expect(await summaryOf('alpha', /./)).toBe('Fixing the cart');
  });
});

describe('scopes', () => {
  it('repo: two worktrees of one repository are one repo, a directory is one directory', async () => {
    const worktree = join(box.home, 'webshop-hotfix');
    git('worktree', 'add', '-b', 'hotfix', worktree);
    const alpha = await box.session({ name: 'alpha', cwd: repo });
    await (await box.session({ name: 'tree', cwd: worktree })).tool('whoami');
    await (await box.session({ name: 'same', cwd: repo })).tool('whoami');
    await (await box.session({ name: 'elsewhere' })).tool('whoami');
    const names = async (scope: string) => {
      const { text } = await alpha.tool('list_peers', { scope });
      return ['tree', 'same', 'elsewhere'].filter((name) => text.includes(`${name} [claude]`));
    };
    expect(await names('machine')).toEqual(['tree', 'same', 'elsewhere']);
    expect(await names('repo')).toEqual(['tree', 'same']);
    expect(await names('directory')).toEqual(['same']);
    expect((await alpha.tool('list_peers', { scope: 'repo' })).text).toContain('@ hotfix');
  });

  it('can be narrowed by kind and tag; who is offline is listed when asked for', async () => {
    const alpha = await box.session({ name: 'alpha' });
    const codex = await box.session({ name: 'bravo', side: 'codex' });
    const gone = await box.session({ name: 'gone' });
    await gone.tool('whoami');
    await gone.end();
    await codex.tool('set_tags', { tags: ['backend'] });
    expect((await alpha.tool('list_peers', { peer_type: 'codex' })).text).toMatch(
      /^bravo \[codex\].*\n(> .*\n)?> tags backend$/m,
    );
    expect((await alpha.tool('list_peers', { tag: 'frontend' })).text).toContain('No other peer is online');
    expect((await alpha.tool('list_peers')).text).not.toContain('gone');
    expect((await alpha.tool('list_peers', { include_offline: true })).text).toContain('gone [claude] | ');
  });
});
