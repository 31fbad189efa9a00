/** What `npm install -g agent-peers-mcp` gives: it works under every Node that is supported, in an empty home, offline. */
import { mkdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { freePort, ROOT } from '../helpers/sandbox.ts';
import { npmEnv, run, scratch, withoutNetwork } from './programs.ts';

/** The registry has Node itself, with the headers that a native module is compiled with. */
const OTHER_NODES = ['22.23.3', '24.21.0'];
const PACKED_MAX_BYTES = 500_000;

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const npm = process.env['npm_execpath'] ?? '';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

let packed: Packed;
let tarball: string;

/** @returns the folder of that Node, as it is laid out everywhere: bin/, include/ */
async function fetchNode(wanted: string, test: TestContext): Promise<string> {
  const folder = scratch(`node-${wanted}`, test);
  const name = `node-${process.platform}-${process.arch}`;
  const env = npmEnv(folder, process.env['PATH'] ?? '');
  await run(process.execPath, [npm, 'install', '--no-save', `${name}@${wanted}`], folder, env);
  return join(folder, 'node_modules', name);
}

beforeAll(async () => {
  expect(npm, 'run by npm: npm run test:package').not.toBe('');
  const folder = join(ROOT, '.cache', 'pack');
  mkdirSync(folder, { recursive: true });
  const env = npmEnv(ROOT, process.env['PATH'] ?? '');
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [only] = JSON.parse(await run(process.execPath, [npm, ...args], ROOT, env)) as Packed[];
  if (!only) throw new Error('npm packed nothing');
  packed = only;
  tarball = join(folder, packed.filename);
});

it('is as small as README says, and has what is needed and nothing else', () => {
  expect(packed.size).toBeLessThan(PACKED_MAX_BYTES);
  const tops = new Set(packed.files.map(({ path }) => path.split('/')[0]));
  expect([...tops].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'plugin']);
});

// at once: most of the time goes into compiling one file, by one process each
describe.concurrent('installed, it works in an empty home without a network', () => {
  it.for(['this one', ...OTHER_NODES])('under Node %s', async (wanted, test) => {
    const { expect } = test;
    const own = wanted === 'this one';
    const folder = own ? undefined : await fetchNode(wanted, test);
    const node = folder ? join(folder, 'bin', 'node') : process.execPath;
    const home = scratch('home', test);
    const prefix = join(home, '.npm-global');
    const path = [dirname(node), join(prefix, 'bin'), process.env['PATH']].join(delimiter);
    await run(node, [npm, 'install', '-g', '--prefix', prefix, tarball], home, {
      ...npmEnv(home, path),
      ...(folder ? { npm_config_nodedir: folder } : {}),
    });

    const [isolate, ...rest] = [...withoutNetwork(), join(prefix, 'bin', 'agent-peers')];
    const env = { HOME: home, PATH: path, LANG: 'C.UTF-8', AGENT_PEERS_PORT: String(await freePort()) };
    const agentPeers = (...args: string[]) => run(isolate ?? '', [...rest, ...args], home, env);

    expect((await agentPeers('--version')).trim()).toBe(version);
    const { healthy, findings } = JSON.parse(await agentPeers('doctor', '--json')) as {
      healthy: boolean;
      findings: { area: string; level: string; text: string }[];
    };
    expect(healthy).toBe(true);
    expect(findings).toContainEqual(
      expect.objectContaining({
        area: 'program',
        text: expect.stringContaining(own ? process.version.slice(1) : wanted),
      }),
    );
    const delivered = findings.filter(({ area }) => area === 'delivery');
    expect(delivered.map(({ level, text }) => `${level}: ${text}`)).toEqual([
      expect.stringMatching(/^ok: the server for Claude Code offers \d+ tools/),
      expect.stringMatching(/^ok: the server for Codex offers \d+ tools/),
      'ok: a message gets from a session of Claude Code to Codex',
      'ok: a message gets from a session of Codex to Claude Code',
    ]);
  });
});
