/** `doctor`: proves that an installation works, and names what does not with its remedy. */
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../cli/doctor/finding.ts';
import { Home, type PretendedClients } from './home.ts';

const homes: Home[] = [];
afterEach(async () => {
  for (const home of homes.splice(0)) {
    await home.run('kill-broker');
    home.remove();
  }
});

async function makeHome(clients?: PretendedClients): Promise<Home> {
  const home = await Home.make(clients);
  homes.push(home);
  return home;
}

async function examined(home: Home): Promise<{ code: number | null; healthy: boolean; findings: Finding[] }> {
  const { code, stdout } = await home.run('doctor', '--json');
  return { code, ...(JSON.parse(stdout) as { healthy: boolean; findings: Finding[] }) };
}

const texts = (findings: readonly Finding[], level: Finding['level']) =>
  findings.filter((finding) => finding.level === level).map(({ text }) => text);

describe('a whole installation', () => {
  it('is healthy: both servers start, a message goes each way, and the user sees nothing of it', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    const before = home.snapshot();
    const { code, healthy, findings } = await examined(home);
    expect({ code, healthy, errors: texts(findings, 'error') }).toEqual({ code: 0, healthy: true, errors: [] });
    const ok = texts(findings, 'ok').join('\n');
    expect(ok).toMatch(/what Claude Code is told to start offers \d+ tools/);
    expect(ok).toContain('a message gets from a session of Claude Code to Codex');
    expect(ok).toContain('a message gets from a session of Codex to Claude Code');
    expect(ok).toContain('push route of Claude Code: inbox-socket');
    expect(ok).toContain('push route of Codex: none');
    expect(texts(findings, 'warning').join('\n')).toContain('4 of 4 hooks wait for your trust');
    expect(home.snapshot()).toEqual(before);
  });

  it('shows each finding with its remedy to a person', async () => {
    const home = await makeHome();
    const { code, stdout, stderr } = await home.run('doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ Claude Code does not know agent-peers: .*\n {4}→ Run: agent-peers install\n/);
    expect(stderr).toContain('2 things do not work');
  });

  it('tells of the broker that runs, its database and its secret', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    await home.run('status', '--start');
    const ok = texts((await examined(home)).findings, 'ok').join('\n');
    expect(ok).toMatch(/broker \d+\.\d+\.\d+ \(node .*\) answers on 127\.0\.0\.1:\d+ in \d+ ms/);
    expect(ok).toContain('.agent-peers.db is whole');
    expect(ok).toContain('secret is there and only yours');
  });

  it('knows the push route of a Claude Code without an inbox socket, and of a Codex that may be woken', async () => {
    const home = await makeHome({ claude: '2.1.100', codex: '0.169.0' });
    await home.run('install', '--yes', '--wake');
    const { findings } = await examined(home);
    expect(texts(findings, 'warning').join('\n')).toContain('push route of Claude Code: channel, since 2.1.100');
    expect(texts(findings, 'ok').join('\n')).toContain('push route of Codex: app-server');
  });
});

describe('what is wrong', () => {
  async function errors(home: Home): Promise<string> {
    const { code, findings } = await examined(home);
    expect(code).toBe(1);
    const wrong = findings.filter(({ level }) => level === 'error');
    return wrong.map(({ text, remedy }) => `${text} → ${remedy}`).join('\n');
  }

  it('a registered command that does not start', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    home.write(
      '.codex/config.toml',
      home.read('.codex/config.toml').replace(/args = .*/, 'args = ["/gone/server.js"]'),
    );
    expect(await errors(home)).toMatch(/what Codex is told to start does not work \(.*gone.*→ Run agent-peers install/);
  });

  it('a configuration that does not parse', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    home.write('.claude.json', '{');
    expect(await errors(home)).toContain('.claude.json is not valid JSON');
  });

  it('a secret that others can read', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    await home.run('status', '--start');
    chmodSync(home.at('.agent-peers/secret'), 0o644);
    expect(await errors(home)).toMatch(/secret can be opened by other users.* → Run: chmod 600/);
    chmodSync(home.at('.agent-peers/secret'), 0o600);
  });

  it('a damaged database', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    home.write('.agent-peers.db', 'this is no database, however long it may be made '.repeat(200));
    chmodSync(home.at('.agent-peers.db'), 0o600);
    expect(await errors(home)).toContain('.agent-peers.db cannot be checked: file is not a database');
  });

  it('a port that something else holds', async () => {
    const home = await makeHome();
    await home.run('install', '--yes');
    const stranger = createServer((socket) => socket.end('HTTP/1.1 404 Not Found\r\n\r\n')).listen(
      Number(home.env['AGENT_PEERS_PORT']),
      '127.0.0.1',
    );
    await once(stranger, 'listening');
    try {
      expect(await errors(home)).toMatch(
        /is held by something that is not an agent-peers broker.* → Set AGENT_PEERS_PORT/,
      );
    } finally {
      stranger.close();
    }
  });

  it('another broker of the same user, with its port', async () => {
    const home = await makeHome();
    const other = await makeHome();
    await home.run('install', '--yes');
    await other.run('status', '--start');
    const { findings } = await examined(home);
    const port = other.env['AGENT_PEERS_PORT'];
    const found = findings.find(({ text }) => text.includes(`another broker of yours runs on port ${port}`));
    expect(found).toMatchObject({ level: 'warning', remedy: expect.stringContaining(`AGENT_PEERS_PORT=${port}`) });
  });
});
