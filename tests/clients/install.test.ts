/** `agent-peers install` with the real clients: they list the server, a session of each has it, and it all goes again. */
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, onTestFinished, test } from 'vitest';
import { freePort } from '../helpers/sandbox.ts';
import { KEY_NAME } from './harness/codex-config.ts';
import { type Ended, PipedClient } from './harness/piped-client.ts';
import type { Sandbox } from './harness/sandbox.ts';
import { Household } from './household.ts';
import { anthropic } from './models/anthropic.ts';
import { call } from './models/directives.ts';
import { openai } from './models/openai.ts';
import { type Dialect, ScriptedModel } from './models/scripted-model.ts';
import { claudeRig, createSandbox } from './rig.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = process.env['AGENT_PEERS_TEST_DIST'] ?? join(ROOT, 'dist');
const CLI = join(DIST, 'cli.js');
const FAKE_KEY = 'sk-ant-api03-fake-key-for-a-scripted-model-on-loopback';

/** A HOME of somebody who has used both clients before. */
class Machine {
  readonly sandbox: Sandbox;
  readonly #env: Record<string, string>;
  readonly #port: number;
  readonly claudeModel: ScriptedModel;
  readonly codexModel: ScriptedModel;

  private constructor(sandbox: Sandbox, models: Models, port: number) {
    this.sandbox = sandbox;
    this.claudeModel = models.claudeModel;
    this.codexModel = models.codexModel;
    this.#port = port;
    this.#env = sandbox.env({
      PATH: `${dirname(inject('clients').claude)}:${process.env['PATH'] ?? ''}`,
      SHELL: '/bin/bash',
      ANTHROPIC_BASE_URL: models.claudeModel.url,
      ANTHROPIC_API_KEY: FAKE_KEY,
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      [KEY_NAME]: 'no-key',
      AGENT_PEERS_PORT: String(port),
      AGENT_PEERS_PUSH: 'none',
    });
  }

  static async make(): Promise<Machine> {
    const sandbox = await createSandbox();
    const models = { claudeModel: await start(anthropic), codexModel: await start(openai) };
    const machine = new Machine(sandbox, models, await freePort());
    const claudeState = {
      hasCompletedOnboarding: true,
      theme: 'dark',
      customApiKeyResponses: { approved: [FAKE_KEY.slice(-20)], rejected: [] },
      projects: { [sandbox.project]: { hasTrustDialogAccepted: true, allowedTools: [] } },
    };
    await writeFile(machine.at('.claude.json'), JSON.stringify(claudeState, null, 2));
    await writeFile(machine.at('.bashrc'), '# mine\nexport EDITOR=vi');
    // the folder and what Claude Code settles at its first run are there before anything is installed
    await machine.run('claude', 'mcp', 'list');
    await mkdir(machine.at('.codex'));
    await writeFile(machine.at('.codex/config.toml'), codexConfig(models.codexModel.url, sandbox.project));
    await machine.run('codex', 'mcp', 'list');
    return machine;
  }

  at(name: string): string {
    return join(this.sandbox.home, name);
  }

  read(name: string): Promise<string> {
    return readFile(this.at(name), 'utf8');
  }

  async run(program: 'claude' | 'codex', ...args: string[]): Promise<Ended> {
    return this.#launch(inject('clients')[program], args, {});
  }

  async peers(...args: string[]): Promise<Ended> {
    const ended = await this.#launch(process.execPath, [CLI, ...args], {});
    expect(ended.code, `${args.join(' ')}: ${ended.stdout}${ended.stderr}`).toBe(0);
    return ended;
  }

  claude(name: string, prompt: string, ...more: string[]): Promise<Ended> {
    const allowed = ['--allowedTools', 'mcp__agent-peers', 'mcp__plugin_agent-peers_agent-peers'];
    const args = ['-p', '--permission-mode', 'default', ...allowed, ...more, '--', prompt];
    return this.#launch(inject('clients').claude, args, { PEER_NAME: name });
  }

  /** Codex passes nothing of its environment on; the port of this test and the name come by its own overrides. */
  codex(name: string, prompt: string): Promise<Ended> {
    const server = 'mcp_servers.agent-peers';
    const settings = [
      `${server}.env.AGENT_PEERS_PORT="${this.#port}"`,
      `${server}.env.PEER_NAME="${name}"`,
      `${server}.required=true`,
    ];
    const args = ['exec', '--skip-git-repo-check', '--dangerously-bypass-hook-trust'];
    return this.#launch(
      inject('clients').codex,
      [...args, ...settings.flatMap((set) => ['-c', set]), '--', prompt],
      {},
    );
  }

  async #launch(command: string, args: readonly string[], extra: Record<string, string>): Promise<Ended> {
    const client = new PipedClient({ command, args, cwd: this.sandbox.project, env: { ...this.#env, ...extra } });
    client.closeInput();
    return client.ended();
  }
}

interface Models {
  readonly claudeModel: ScriptedModel;
  readonly codexModel: ScriptedModel;
}
/** As people leave it: comments, another system's line ends, no newline at the end. */
function codexConfig(modelUrl: string, project: string): string {
  const lines = [
    '# my own settings',
    'model = "scripted" # cheap',
    'model_provider = "scripted"',
    'approval_policy = "never"',
    'check_for_update_on_startup = false',
    '',
    '[features]',
    'plugins = false # at start it would ask github.com and chatgpt.com for plugins',
    '',
    '[model_providers.scripted]',
    'name = "scripted"',
    `base_url = "${modelUrl}/v1"`,
    'wire_api = "responses"',
    `env_key = "${KEY_NAME}"`,
    '',
    `[projects."${project}"]`,
    'trust_level = "trusted"',
  ];
  return lines.join('\r\n');
}

async function start(dialect: Dialect): Promise<ScriptedModel> {
  const model = await ScriptedModel.start(dialect);
  onTestFinished(() => model.close());
  return model;
}

const FILES = ['.claude.json', '.codex/config.toml', '.bashrc'] as const;

test('both clients list the server after install, and every file is byte for byte as before after uninstall', async () => {
  const machine = await Machine.make();
  await machine.run('claude', 'mcp', 'list');
  const before = await Promise.all(FILES.map((file) => machine.read(file)));

  await machine.peers('install', '--yes');
  const claude = await machine.run('claude', 'mcp', 'list');
  expect(claude.stdout).toMatch(/agent-peers: .*claude-server\.js - \S* ?Connected/);
  expect((await machine.run('claude', 'mcp', 'get', 'agent-peers')).stdout).toContain('Scope: User config');
  const codex = await machine.run('codex', 'mcp', 'get', 'agent-peers', '--json');
  expect(JSON.parse(codex.stdout)).toMatchObject({
    name: 'agent-peers',
    enabled: true,
    tool_timeout_sec: 300,
    transport: { type: 'stdio', env: { AGENT_PEERS_ENABLED: '1' }, env_vars: ['CODEX_HOME'] },
  });
  expect((await machine.run('codex', 'mcp', 'list')).stdout).toContain('agent-peers');

  await machine.peers('uninstall', '--purge', '--yes');
  expect(await Promise.all(FILES.map((file) => machine.read(file)))).toEqual(before);
  expect((await machine.run('claude', 'mcp', 'list')).stdout).not.toContain('agent-peers');
  expect((await machine.run('codex', 'mcp', 'list')).stdout).not.toContain('agent-peers');
  const left = (await readdir(machine.sandbox.home, { recursive: true })).filter((name) =>
    name.includes('agent-peers'),
  );
  expect(left.filter((name) => !name.startsWith('.claude/') && !name.startsWith('.cache/'))).toEqual([]);
});

test('a session of each has the tools and the hooks, doctor is content, and uninstall takes them away', async () => {
  const machine = await Machine.make();
  const codexBefore = await machine.read('.codex/config.toml');
  await machine.peers('install', '--yes');

  const alpha = await machine.claude('alpha', `Who am I? ${call('whoami')}`);
  expect(alpha.code, alpha.stderr).toBe(0);
  expect(await machine.claudeModel.toolResponse('alpha')).toContain('alpha');
  const bravo = await machine.codex('bravo', `Who is there? ${call('list_peers', { include_offline: true })}`);
  expect(bravo.code, bravo.stderr).toBe(0);
  expect(await machine.codexModel.toolResponse('alpha')).toContain('alpha');

  // mail that waits comes by the hook at the prompt: neither model calls a tool
  await machine.peers('send', 'alpha', 'the tests are green');
  await machine.peers('send', 'bravo', 'the build is red');
  await machine.claude('alpha', 'Anything new?');
  expect(machine.claudeModel.requests.all.at(-1)?.text).toContain('the tests are green');
  await machine.codex('bravo', 'Anything new?');
  expect(machine.codexModel.requests.all.at(-1)?.text).toContain('the build is red');

  const doctor = await machine.peers('doctor', '--json');
  expect(JSON.parse(doctor.stdout)).toMatchObject({ healthy: true });

  await machine.peers('uninstall');
  expect(await machine.read('.codex/config.toml')).toBe(codexBefore);
  expect(await machine.read('.bashrc')).toBe('# mine\nexport EDITOR=vi');
  const state = JSON.parse(await machine.read('.claude.json')) as Record<string, unknown>;
  expect(state).toMatchObject({ hasCompletedOnboarding: true, mcpServers: {} });
  // Claude Code may have put settings of its own there meanwhile
  expect(await machine.read('.claude/settings.json').catch(() => '')).not.toMatch(/agent-peers|hooks/);
  const after = await machine.claude('alpha', `Still there? ${call('whoami')}`);
  expect(after.stdout).toContain('No tool "whoami" was offered');
});

test('the plugin is valid, brings the tools, the hooks and the command, and needs nothing else', async () => {
  const machine = await Machine.make();
  // as it lies in the package: beside the built program
  const plugin = join(machine.sandbox.root, 'package', 'plugin');
  await cp(join(ROOT, 'plugin'), plugin, { recursive: true });
  await symlink(DIST, join(machine.sandbox.root, 'package', 'dist'));
  const validated = await machine.run('claude', 'plugin', 'validate', '--strict', plugin);
  expect(validated.code, validated.stdout).toBe(0);

  const alpha = await machine.claude('alpha', `Who am I? ${call('whoami')}`, '--plugin-dir', plugin);
  expect(alpha.code, alpha.stderr).toBe(0);
  expect(await machine.claudeModel.toolResponse('alpha')).toContain('alpha');
  await machine.peers('send', 'alpha', 'the tests are green');
  await machine.claude('alpha', '/agent-peers:peers bravo hello', '--plugin-dir', plugin);
  const asked = machine.claudeModel.requests.all.at(-1)?.text;
  expect(asked, 'the hook').toContain('the tests are green');
  expect(asked, 'the command').toContain('What they typed: "bravo hello"');
  expect(asked, 'the skill').toContain('agent-peers:good-peer');
});

test('the status line of the terminal program shows who the session is', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', { AGENT_PEERS_PUSH: 'none' });
  const settings = Object.entries(server.env).map(([name, value]) => `${name}='${value}'`);
  const command = `${settings.join(' ')} '${process.execPath}' '${CLI}' statusline`;
  const statusLine = { type: 'command', command, refreshInterval: 1 };
  const { claude } = await claudeRig({ server, settings: { statusLine } });
  // the terminal rewrites only the letters that differ from the "off" of before
  await claude.terminal().shows('alpha');
});
