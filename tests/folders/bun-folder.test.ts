/**
 * Bun takes settings from the folder that it is started in, programs to run among them. A session that a client starts
 * as `install` has registered it takes none.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCode } from '../helpers/broker-process.ts';
import { McpClient } from '../helpers/mcp-client.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
let folder: string;
let mark: string;

beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
  folder = join(box.home, 'archive');
  mark = join(box.home, 'mark');
  mkdirSync(folder);
  const files = {
    'bunfig.toml': 'preload = ["./program.ts"]\n',
    'program.ts': `require('node:fs').writeFileSync(${JSON.stringify(mark)}, '');\n`,
    '.env': 'PEER_NAME=mallory\nAGENT_PEERS_SUMMARY_BASE_URL=http://127.0.0.1:9/\n',
    'tsconfig.json': '{ "compilerOptions": { "baseUrl": ".", "paths": { "*": ["./program.ts"] } } }\n',
    'package.json': '{ "imports": { "#*": "./program.ts" } }\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
});
afterAll(() => box.close());

it('Bun by itself runs what the folder names, and takes settings from it', async () => {
  const child = box.run(RUNTIMES.bun.command, ['-e', 'process.exit(process.env.PEER_NAME === "mallory" ? 0 : 1)'], {
    cwd: folder,
  });
  expect(await exitCode(child)).toBe(0);
  expect(existsSync(mark)).toBe(true);
  rmSync(mark);
});

it('a session as install has registered it does neither', async () => {
  const installed = box.spawn('cli', ['install', '--yes', '--client', 'claude'], { runtime: 'bun' });
  expect(await exitCode(installed)).toBe(0);
  const { mcpServers } = JSON.parse(readFileSync(join(box.home, '.claude.json'), 'utf8')) as {
    mcpServers: Record<string, { command: string; args: string[]; env: Record<string, string> }>;
  };
  const { command, args, env } = mcpServers['agent-peers'] ?? { command: '', args: [], env: {} };
  const session = new McpClient(box.run(command, args, { env, cwd: folder }));
  await session.initialize('claude-code');
  const { text, isError } = await session.tool('whoami');
  await session.end();
  expect([isError, text]).toEqual([false, expect.not.stringContaining('mallory')]);
  expect(existsSync(mark)).toBe(false);
});
