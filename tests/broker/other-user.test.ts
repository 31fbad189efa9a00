/** Another user of the same machine: reads nothing, and calls nothing. */
import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operations } from '../../shared/contract/index.ts';
import { exitCode } from '../helpers/broker-process.ts';
import { Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';

const OTHER = 65_534;
/** Only root can become another user; for everybody else the modes of the files say the same. */
const canBecomeOther = process.getuid?.() === 0;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  // one layer of protection must do: the home itself is open to others here
  chmodSync(box.home, 0o755);
  await box.broker();
  const session = await box.session({ name: 'ann' });
  await session.tool('whoami');
  const bob = await Peer.register(box.client, 'bob');
  await bob.send('ann', 'a secret between two');
});
afterAll(() => box.close());

/** Everything that the product made, with its path. */
function made(): string[] {
  const { home, db } = box.location;
  const inHome = readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) => join(home, name));
  return [home, ...inHome, db, `${db}-wal`, `${db}-shm`];
}

async function run(command: string, args: readonly string[]): Promise<{ code: number | null; out: string }> {
  const child = box.run(command, args, { cwd: '/', ...(canBecomeOther ? { uid: OTHER, gid: OTHER } : {}) });
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  return { code: await exitCode(child), out };
}

it('every file is its user’s alone: folders 0700, files 0600', () => {
  const names = made().map((path) => relative(box.home, path));
  for (const name of ['secret', 'broker.log', 'credential']) expect(names).toContain(join('.agent-peers', name));
  const modes = made().map((path) => {
    const stat = lstatSync(path);
    return [relative(box.home, path), (stat.mode & 0o777).toString(8), stat.isDirectory() ? '700' : '600'];
  });
  expect(modes.filter(([, mode, wanted]) => mode !== wanted)).toEqual([]);
});

it('another user can read none of them', async () => {
  for (const path of made()) {
    const { code, out } = await run(lstatSync(path).isDirectory() ? 'ls' : 'cat', [path]);
    if (canBecomeOther) expect([path, code === 0, out]).toEqual([path, false, '']);
    // not root: the same user, who can; the modes above are what keeps others out
    else expect([path, code]).toEqual([path, 0]);
  }
});

it('another user cannot call the broker: without the secret every operation but the greeting is refused', async () => {
  const { port } = box.location;
  const paths = Object.values(operations).map(({ path }) => path);
  // what another user can do: open the port and say whatever comes to mind
  const script = `
    const answers = [];
    for (const path of ${JSON.stringify(paths)}) {
      for (const authorization of ['', 'Bearer x', 'Bearer ${'A'.repeat(43)}']) {
        const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) };
        const answer = await fetch('http://127.0.0.1:${port}' + path, { method: 'POST', headers, body: '{"nonce":"0123456789abcdef"}' });
        answers.push([path, answer.status]);
      }
    }
    console.log(JSON.stringify({ uid: process.getuid?.(), answers }));`;
  const { out } = await run(process.execPath, ['--input-type=module', '-e', script]);
  const { uid, answers } = JSON.parse(out) as { uid: number; answers: [string, number][] };
  if (canBecomeOther) expect(uid).toBe(OTHER);
  expect(answers).toHaveLength(3 * paths.length);
  const let_in = answers.filter(([, status]) => status !== 401).map(([path]) => path);
  expect(new Set(let_in)).toEqual(new Set([operations.hello.path]));
});
