/** What README and docs say is so: commands run, tables are whole, files that are named exist. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getStaticTOMLValue, parseTOML } from 'toml-eslint-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_KINDS } from '../shared/errors.ts';
import { outcome } from './cli/helpers.ts';
import { ROOT, RUNTIMES, Sandbox } from './helpers/sandbox.ts';
import { testHome } from './install/home.ts';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');

function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code]) => code ?? '',
  );
}

/** The cells of the first column of the table under a heading, without their marks. */
function firstColumn(heading: string): string[] {
  const section = README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell ?? '').slice(1);
}

const codeIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');

/** Every command that README shows: in blocks, and inline where it begins with a program. */
const COMMANDS = new Set([
  ...blocks('sh').flatMap((block) => block.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim())),
  ...blocks('json').flatMap((block) => block.match(/agent-peers \w+/g) ?? []),
  ...codeIn(README.replace(/^```[\s\S]*?^```/gm, '')).filter((code) =>
    /^(?:npm|npx|node|bun|agent-peers|claude|codex) /.test(code),
  ),
]);
COMMANDS.delete('');

/** What runs a command that takes a network, a real client or a clone: a file, and the words it runs it by. */
const RUN_ELSEWHERE: Record<string, [file: string, words: string]> = {
  'npm ci': ['.ci/run', '\nnpm ci\n'],
  'npm ci && npm run demo': ['.ci/run', '\nnpm run demo\n'],
  'npm ci && npm test': ['.ci/run', '\nnpm test\n'],
  'npm run test:clients': ['.ci/run', '\nnpm run test:clients\n'],
  'bun install && bun cli.ts status': ['tests/package/bun.test.ts', "it('bun install && bun cli.ts status'"],
  'node dist/cli.js update': ['tests/install/update.test.ts', "run(cli, 'update')"],
  "claude mcp add-json --scope user agent-peers '…'": ['tests/clients/install.test.ts', "'mcp', 'get', 'agent-peers'"],
  'claude --plugin-dir plugin': ['tests/clients/install.test.ts', "'--plugin-dir', plugin"],
};

const IN_A_HOME = [
  'node dist/cli.js install --dry-run',
  'node dist/cli.js install',
  'node dist/cli.js install --yes',
  'node dist/cli.js doctor',
  'node dist/cli.js uninstall --dry-run',
  'node dist/cli.js uninstall --yes',
];

describe('commands', () => {
  let box: Sandbox;
  beforeAll(async () => {
    box = await Sandbox.create();
    const bravo = await box.session({ name: 'bravo' });
    await bravo.tool('whoami');
  });
  afterAll(() => box.close());

  it('are all run by a test', () => {
    const known = new Set([...Object.keys(RUN_ELSEWHERE), ...IN_A_HOME]);
    const others = [...COMMANDS].filter((command) => !known.has(command));
    expect(others.filter((command) => !command.startsWith('agent-peers '))).toEqual([]);
    for (const [command, [file, words]] of Object.entries(RUN_ELSEWHERE)) {
      expect(COMMANDS, 'README shows it').toContain(command);
      expect(read(file)).toContain(words);
    }
  });

  it.each([...COMMANDS].filter((command) => command.startsWith('agent-peers ')))('%s', async (command) => {
    const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '').slice(1);
    const { node } = RUNTIMES;
    const child = spawn(node.command, [node.entry('cli'), ...words], { env: box.env });
    // what Claude Code tells its status line; the others do not read
    child.stdin.end('{"session_id":"of-no-peer"}');
    const { code, stdout } = await outcome(child);
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
  });

  it('install and uninstall themselves, as shown and as an agent is told to', async () => {
    const home = await testHome();
    const before = home.snapshot();
    for (const command of IN_A_HOME) {
      const words = command.split(' ').slice(2);
      // where it would ask, there is nobody to answer
      if (command === 'node dist/cli.js install') words.push('--yes');
      const { stdout, code } = await home.run(...words);
      if (command.includes('doctor')) expect(stdout).toContain('a message gets from a session of Claude Code to Codex');
      else expect([command, code]).toEqual([command, 0]);
      if (command === 'node dist/cli.js install --dry-run') expect(home.snapshot()).toEqual(before);
    }
  });

  it('by hand come to what install writes', async () => {
    const home = await testHome();
    await home.run('install', '--yes', '--no-hooks', '--no-alias');
    const places = (text: string) =>
      text.replaceAll(`${dirname(RUNTIMES.node.entry('cli'))}/`, '/path/to/agent-peers/dist/');
    const [json = ''] = blocks('json').filter((block) => block.includes('mcpServers'));
    const installed = JSON.parse(places(home.read('.claude.json'))) as { mcpServers: Record<string, object> };
    const shown = JSON.parse(json) as typeof installed;
    expect({ ...shown.mcpServers['agent-peers'], command: 0 }).toEqual({
      ...installed.mcpServers['agent-peers'],
      command: 0,
    });
    const toml = (text: string) => getStaticTOMLValue(parseTOML(text)) as { mcp_servers: Record<string, object> };
    const entry = toml(places(home.read('.codex/config.toml'))).mcp_servers['agent-peers'];
    expect(entry).toMatchObject({
      ...toml(blocks('toml')[0] ?? '').mcp_servers['agent-peers'],
      command: expect.any(String),
    });
  });

  it('have a line each in the table', async () => {
    const { node } = RUNTIMES;
    const { stdout } = await outcome(spawn(node.command, [node.entry('cli'), '--help'], { env: box.env }));
    const list = stdout.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
    const commands = [...list.matchAll(/^ {2}([a-z-]+)(?= |$)/gm)].map(([, name]) => name ?? '');
    const listed = firstColumn('Commands').flatMap((cell) => codeIn(cell).map((code) => code.split(' ')[0] ?? ''));
    expect(listed.sort()).toEqual(commands.filter((name) => name !== 'help' && !name.startsWith('-')).sort());
  });
});

it('the table of tools has those that a session offers', async () => {
  const box = await Sandbox.create({ AGENT_PEERS_TOOLSETS: 'all' });
  try {
    const session = await box.session({ name: 'ann' });
    const { result } = await session.request('tools/list', {}).answer;
    const { tools } = result as { tools: { name: string }[] };
    const offered = tools.map(({ name }) => name).filter((name) => name !== 'peer_hook');
    expect(firstColumn('Tools').flatMap(codeIn).sort()).toEqual(offered.sort());
  } finally {
    await box.close();
  }
});

it('the table of settings has every variable that is read', () => {
  const sources = ['shared', 'session', 'broker', 'cli'].flatMap((folder) =>
    (readdirSync(join(ROOT, folder), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(`${folder}/${name}`)),
  );
  const used = new Set(sources.flatMap((text) => text.match(/\bAGENT_PEERS_[A-Z_]*[A-Z]\b/g) ?? []));
  const listed = firstColumn('Settings').flatMap(codeIn);
  const said = new Set(listed.map((name) => name.replace(/^…/, 'AGENT_PEERS')));
  expect([...used].filter((name) => !said.has(name))).toEqual([]);
  expect([...said].filter((name) => name.startsWith('AGENT_PEERS_') && !used.has(name))).toEqual([]);
});

it('the errors under troubleshooting exist', () => {
  const codes = firstColumn('Troubleshooting').flatMap((cell) =>
    [...cell.matchAll(/\b[a-z]+(?:_[a-z]+)+\b/g)].map(([code]) => code),
  );
  expect(codes.length).toBeGreaterThan(4);
  for (const code of codes) expect(Object.keys(ERROR_KINDS)).toContain(code);
});

it.each([
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
])('%s names files that exist', (file) => {
  const text = read(file);
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => join(dirname(file), path ?? ''));
  const tests = [...text.matchAll(/\btests\/[\w./-]*\w\/?/g)].map(([path]) => path);
  for (const path of [...links, ...tests]) expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
});

it('every row of docs/security.md names a test that exists', () => {
  const rows = [...read('docs/security.md').matchAll(/^\| (?!threat|-)[^|]+ \| [^|]+ \| ([^|]+) \|$/gm)];
  expect(rows.length).toBeGreaterThan(40);
  for (const [, tests = ''] of rows) {
    for (const named of tests.split(';')) {
      const [file = '', words] = named.trim().split(' › ');
      const path = `tests/${file}`;
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
      if (words !== undefined) expect(read(path)).toContain(words);
    }
  }
});
