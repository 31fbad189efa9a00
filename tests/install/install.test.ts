/** `install` as a user runs it, with pretended clients: what is written, and what is left alone. */
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { report, testHome, withoutBackups } from './home.ts';

describe('install', () => {
  it('registers the server in both clients, with what each needs', async () => {
    const home = await testHome();
    const { code, stderr } = await home.run('install', '--yes');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const server = (JSON.parse(home.read('.claude.json')) as { mcpServers: Record<string, unknown> }).mcpServers;
    expect(server['agent-peers']).toEqual({
      type: 'stdio',
      command: expect.stringMatching(/^\/.*node$/),
      args: [expect.stringMatching(/^\/.*claude-server\.js$/)],
      env: { AGENT_PEERS_ENABLED: '1' },
      alwaysLoad: true,
    });
    const codex = home.read('.codex/config.toml');
    expect(codex).toMatch(/^\[mcp_servers\.agent-peers\]\ncommand = "\/.*node"\nargs = \["\/.*codex-server\.js"\]\n/);
    expect(codex).toContain('env = { AGENT_PEERS_ENABLED = "1" }');
    expect(codex).toContain('env_vars = ["CODEX_HOME"]');
    expect(codex).toContain('tool_timeout_sec = 300');
    expect(codex.match(/^\[\[hooks\.\w+\]\]$/gm)).toEqual([
      '[[hooks.SessionStart]]',
      '[[hooks.UserPromptSubmit]]',
      '[[hooks.PostToolUse]]',
      '[[hooks.Stop]]',
    ]);
    const settings = JSON.parse(home.read('.claude/settings.json')) as { hooks: Record<string, unknown> };
    expect(Object.keys(settings.hooks)).toEqual(['UserPromptSubmit', 'PostToolUse', 'Stop']);
  });

  it('changes nothing the second time, and says so', async () => {
    const home = await testHome();
    home.write('.bashrc', 'export A=1\n');
    await home.run('install', '--yes');
    const first = home.snapshot();
    const second = await home.run('install', '--yes');
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toContain('nothing to change');
    expect(home.snapshot()).toEqual(first);
  });

  it('--dry-run shows a diff of every file and touches none', async () => {
    const home = await testHome();
    home.write('.bashrc', 'export A=1\n');
    const before = home.snapshot();
    const { stdout, code } = await home.run('install', '--dry-run');
    expect(code).toBe(0);
    for (const file of ['.claude.json', '.claude/settings.json', '.codex/config.toml', '.bashrc']) {
      expect(stdout).toContain(`+++ ${home.at(file)}\n`);
    }
    expect(stdout).toContain(` export A=1\n+\n+# >>> agent-peers >>>\n`);
    expect(home.snapshot()).toEqual(before);
    expect((await report(home, 'install', '--dry-run')).files.map(({ outcome }) => outcome)).toEqual(
      Array(4).fill('would_change'),
    );
  });

  it('asks for --yes where nobody can be asked', async () => {
    const home = await testHome();
    const before = home.snapshot();
    expect(await home.run('install')).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(home.snapshot()).toEqual(before);
  });

  it('says that there is nothing to set up where neither client is found', async () => {
    const home = await testHome({});
    expect(await home.run('install', '--yes')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('Claude Code'),
    });
  });

  it('leaves a client that is not there alone', async () => {
    const home = await testHome({ codex: '0.169.0' });
    const { code, files, notes } = await report(home, 'install', '--yes');
    expect(code).toBe(0);
    expect(files.map(({ path }) => path)).toEqual([home.at('.codex/config.toml')]);
    expect(notes.join('\n')).toContain('Claude Code was not found');
  });

  it('finds clients where their installers put them when PATH does not', async () => {
    const home = await testHome({ claude: '2.1.329' });
    mkdirSync(home.at('.local/bin'), { recursive: true });
    renameSync(home.at('bin/claude'), home.at('.local/bin/claude'));
    const { code, files } = await report(home, 'install', '--yes', '--no-alias');
    expect(code).toBe(0);
    expect(files.map(({ outcome }) => outcome)).toEqual(['changed', 'changed']);
  });

  it('respects --no-hooks, --no-alias and --wake', async () => {
    const home = await testHome();
    await home.run('install', '--yes', '--no-hooks', '--no-alias', '--wake');
    expect([home.has('.claude/settings.json'), home.has('.bashrc')]).toEqual([false, false]);
    expect(home.read('.codex/config.toml')).toContain('AGENT_PEERS_CODEX_WAKE = "1"');
    expect(home.read('.codex/config.toml')).not.toContain('hooks');
  });

  it('looks where CLAUDE_CONFIG_DIR, CODEX_HOME and ZDOTDIR point', async () => {
    const home = await testHome(undefined, 'zsh');
    Object.assign(home.env, { CLAUDE_CONFIG_DIR: home.at('c'), CODEX_HOME: home.at('x'), ZDOTDIR: home.at('z') });
    const before = home.snapshot();
    await home.run('install', '--yes');
    for (const file of ['c/.claude.json', 'c/settings.json', 'x/config.toml', 'z/.zshrc'])
      expect(home.has(file)).toBe(true);
    await home.run('uninstall');
    expect(home.snapshot()).toEqual(before);
  });

  it('brings an entry of an older installation up to date and keeps what the user added to it', async () => {
    const home = await testHome();
    const old = { command: 'bun', args: ['/old/server.ts'], env: { PEER_NAME: 'ada' }, timeout: 5 };
    home.write('.claude.json', JSON.stringify({ mcpServers: { 'agent-peers': old }, other: true }, null, 2));
    home.write('.codex/config.toml', '[mcp_servers.agent-peers]\ncommand = "bun" # mine\nstartup_timeout_sec = 9\n');
    const before = home.snapshot();
    await home.run('install', '--yes', '--no-alias', '--no-hooks');
    const { mcpServers } = JSON.parse(home.read('.claude.json')) as { mcpServers: Record<string, object> };
    expect(mcpServers['agent-peers']).toMatchObject({
      type: 'stdio',
      env: { PEER_NAME: 'ada', AGENT_PEERS_ENABLED: '1' },
      timeout: 5,
      alwaysLoad: true,
    });
    expect(home.read('.codex/config.toml')).toMatch(/command = ".*node" # mine\nstartup_timeout_sec = 9\nargs = /);
    await home.run('uninstall');
    expect(withoutBackups(home.snapshot())).toEqual(before);
  });

  it('lets Claude Code write its own file where that file is as Claude Code writes it', async () => {
    const home = await testHome();
    home.program(
      'claude',
      `if [ "$1" = --version ]; then echo "2.1.329 (Claude Code)"; exit; fi
echo "$@" >> "$HOME/bin/calls"
${process.execPath} -e '
const fs = require("fs"), file = process.env.HOME + "/.claude.json", config = JSON.parse(fs.readFileSync(file));
config.seen = true;
if (process.argv[2] === "add-json") (config.mcpServers ??= {})[process.argv[5]] = JSON.parse(process.argv[6]);
else delete config.mcpServers[process.argv[5]];
fs.writeFileSync(file, JSON.stringify(config, null, 2));' "$@"`,
    );
    const text = JSON.stringify({ numStartups: 3, projects: {} }, null, 2);
    home.write('.claude.json', text);
    expect((await home.run('install', '--yes')).code).toBe(0);
    expect(home.read('bin/calls')).toMatch(
      /^mcp add-json --scope user agent-peers \{"type":"stdio".*"alwaysLoad":true\}\n$/,
    );
    expect(JSON.parse(home.read('.claude.json'))).toMatchObject({ seen: true, mcpServers: { 'agent-peers': {} } });
    await home.run('uninstall');
    expect(home.read('.claude.json')).toBe(text);

    await home.run('install', '--yes');
    const changed = JSON.parse(home.read('.claude.json')) as Record<string, unknown>;
    home.write('.claude.json', JSON.stringify({ ...changed, numStartups: 4 }, null, 2));
    await home.run('uninstall');
    expect(home.read('bin/calls')).toMatch(/mcp remove --scope user agent-peers\n$/);
    expect(JSON.parse(home.read('.claude.json'))).toEqual({ numStartups: 4, projects: {}, seen: true, mcpServers: {} });
  });

  it('installs the package globally first when npx runs it, and registers that', async () => {
    const home = await testHome();
    const cache = home.at('.npm/_npx/0123/node_modules/agent-peers-mcp');
    mkdirSync(cache, { recursive: true });
    const dist = process.env['AGENT_PEERS_TEST_DIST'] ?? new URL('../../dist', import.meta.url).pathname;
    execFileSync('cp', ['-r', dist, `${cache}/dist`]);
    symlinkSync(new URL('../../node_modules', import.meta.url).pathname, home.at('.npm/_npx/node_modules'));
    home.write('.npm/_npx/0123/node_modules/agent-peers-mcp/package.json', '{"type":"module"}');
    home.write('global/agent-peers-mcp/dist/claude-server.js', '');
    home.program('npm', `echo "$@" >> "$HOME/bin/npm-calls"; [ "$1" = root ] && echo "$HOME/global"; exit 0`);
    const args = [`${cache}/dist/cli.js`, 'install', '--yes'];
    execFileSync(process.execPath, args, { env: home.env, cwd: home.path });
    expect(home.read('bin/npm-calls')).toMatch(/^install --global agent-peers-mcp@\d+\.\d+\.\d+\nroot --global\n$/);
    expect(home.read('.claude.json')).toContain(home.at('global/agent-peers-mcp/dist/claude-server.js'));
    expect(home.read('.claude.json')).not.toContain('_npx');
  });
});

describe('files that cannot be changed', () => {
  it.each([
    ['.codex/config.toml', 'a = 1\na = 2\n', 'config_unreadable'],
    ['.codex/config.toml', 'mcp_servers = { x = { command = "y" } }\n', 'config_conflict'],
    ['.claude.json', '{ "a": 1', 'config_unreadable'],
    ['.claude.json', '[]', 'config_conflict'],
    ['.claude/settings.json', '{ "hooks": [] }', 'config_conflict'],
  ])('leaves %s alone when it is %j, and does the others', async (file, content, code) => {
    const home = await testHome();
    home.write(file, content);
    const result = await report(home, 'install', '--yes');
    expect(result.code).toBe(4);
    const refused = result.files.filter(({ outcome }) => outcome === 'refused');
    expect(refused.map(({ path, error }) => [path, error?.code])).toEqual([[home.at(file), code]]);
    expect(home.read(file)).toBe(content);
    expect(result.files.filter(({ outcome }) => outcome === 'changed')).toHaveLength(3);
  });

  it('leaves a read-only file alone, for root too', async () => {
    const home = await testHome();
    home.write('.bashrc', 'export A=1\n');
    chmodSync(home.at('.bashrc'), 0o444);
    const result = await report(home, 'install', '--yes');
    expect(result.code).toBe(4);
    expect(result.files.find(({ path }) => path.endsWith('.bashrc'))?.error?.code).toBe('config_read_only');
    expect(home.read('.bashrc')).toBe('export A=1\n');
  });

  it('leaves a link into nowhere alone', async () => {
    const home = await testHome();
    symlinkSync(home.at('nowhere'), home.at('.bashrc'));
    const result = await report(home, 'install', '--yes');
    expect(result.files.find(({ path }) => path.endsWith('.bashrc'))?.error?.code).toBe('config_unreadable');
    expect(lstatSync(home.at('.bashrc')).isSymbolicLink()).toBe(true);
  });
});
