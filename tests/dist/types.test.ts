/** The package as another program gets it: its types hold under that program's own strict compiler, its library runs. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSION } from '../../shared/version.ts';
import { DIST, ROOT } from '../helpers/sandbox.ts';

const run = promisify(execFile);

const CONSUMER = `
import { BrokerClient, forTerminal, type InboxMessage, PeersError, readLocation, VERSION } from 'agent-peers-mcp';

const client = new BrokerClient(readLocation({ HOME: '/nowhere', AGENT_PEERS_PORT: '1' }));
export async function unread(token: string): Promise<string[]> {
  const { messages } = await client.call('nextMessages', { wait_ms: 0 }, { token });
  return messages.map((message: InboxMessage) => forTerminal(message.text));
}
const failure = await client.hello().catch((error: unknown) => error);
if (!(failure instanceof PeersError)) throw new Error('no error');
console.log(JSON.stringify([VERSION, failure.code, failure.hint.length > 0]));
`;

const MISUSES = [
  "await client.call('noSuchOperation', {});",
  "await client.call('sendMessage', { to: 'ann' });",
  "await client.call('sendMessage', { to: 'ann', message: 'hi', priority: 'loud' });",
  "const { peer } = await client.call('whoami', {}); peer.nickname;",
  // a peer's words, without the function that is made for their reader
  "const { peer } = await client.call('whoami', {}); 'works on ' + peer.summary;",
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'agent-peers-consumer-'));
  const installed = join(folder, 'node_modules', 'agent-peers-mcp');
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, 'package.json'), readFileSync(join(ROOT, 'package.json')));
  symlinkSync(DIST, join(installed, 'dist'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function compile(name: string, text: string): Promise<string> {
  writeFileSync(join(folder, `${name}.ts`), text);
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const types = ['--types', 'node', '--typeRoots', join(ROOT, 'node_modules', '@types')];
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const modules = ['--module', 'nodenext', '--target', 'es2023', '--outDir', folder];
  const options = [...types, ...strict, ...modules, '--ignoreConfig'];
  try {
    const { stdout } = await run(process.execPath, [tsc, ...options, `${name}.ts`], { cwd: folder });
    return stdout;
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('a program that depends on the package', () => {
  it('compiles against its types, and runs', async () => {
    expect(await compile('consumer', CONSUMER)).toBe('');
    const { stdout } = await run(process.execPath, [join(folder, 'consumer.js')]);
    expect(JSON.parse(stdout)).toEqual([VERSION, 'broker_unavailable', true]);
  });

  it('is told of each misuse', async () => {
    const head =
      "import { BrokerClient, readLocation } from 'agent-peers-mcp';\nconst client = new BrokerClient(readLocation({}));\n";
    const errors = await compile('misuse', `${head}${MISUSES.join('\n')}\n`);
    for (const [i] of MISUSES.entries()) expect(errors).toContain(`misuse.ts(${i + 3},`);
  });
});
