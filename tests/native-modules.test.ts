/** Sessions and commands, of which there are many, work without any native module; only the broker has a database driver. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCode, startReport } from './helpers/broker-process.ts';
import { ROOT, Sandbox } from './helpers/sandbox.ts';

interface Loaded {
  readonly entry: string;
  readonly loaded: readonly string[];
}

let box: Sandbox;
let watched: { env: Record<string, string> };
beforeEach(async () => {
  box = await Sandbox.create();
  const probe = pathToFileURL(join(ROOT, 'tests', 'helpers', 'loaded-modules.mjs')).href;
  watched = { env: { NODE_OPTIONS: `--import=${probe}`, LOADED_MODULES: join(box.home, 'loaded.jsonl') } };
});
afterEach(() => box.close());

/** What each watched process had loaded when it ended. */
function ended(): Loaded[] {
  const path = join(box.home, 'loaded.jsonl');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  return lines.map((line) => JSON.parse(line) as Loaded);
}

async function command(...args: string[]): Promise<void> {
  const child = box.spawn('cli', args, watched);
  child.stdout?.resume();
  child.stderr?.resume();
  child.stdin?.end();
  await exitCode(child);
}

it('a broker has its driver: what is loaded is seen here', async () => {
  const broker = box.spawn('broker', [], watched);
  await startReport(broker);
  broker.kill('SIGTERM');
  await exitCode(broker);
  expect(ended()).toEqual([
    { entry: 'broker.js', loaded: [expect.stringMatching(/^(?:better_sqlite3\.node|NativeModule sqlite)$/)] },
  ]);
});

it.each(['claude', 'codex'] as const)('a session of %s that starts a broker, writes and reads', async (side) => {
  const [session, other] = [
    await box.session({ side, name: 'ann', ...watched }),
    await box.session({ side, name: 'bob', ...watched }),
  ];
  await other.tool('whoami');
  expect((await session.tool('send_message', { to_id: 'bob', message: 'hello' })).isError).toBe(false);
  expect((await other.tool('check_messages')).text).toContain('hello');
  for (const { child } of [session, other]) {
    child.stdin?.end();
    await exitCode(child);
  }
  expect(ended()).toEqual([1, 2].map(() => ({ entry: `${side}-server.js`, loaded: [] })));
});

describe('a command', () => {
  it.each([
    ['status', '--start'],
    ['peers'],
    ['send', 'nobody', 'hello'],
    ['inbox'],
    ['orphaned-messages'],
    ['statusline'],
    ['install', '--dry-run'],
  ])('%s', async (...args) => {
    await command(...args);
    expect(ended()).toEqual([{ entry: 'cli.js', loaded: [] }]);
  });

  it('doctor, which has the database read through by the program that works with it', async () => {
    await box.broker();
    await command('doctor');
    // Codex gives its servers an environment of its own, so this one is not watched here
    const byEntry = ended().sort((left, right) => left.entry.localeCompare(right.entry));
    expect(byEntry).toEqual(['claude-server.js', 'cli.js'].map((entry) => ({ entry, loaded: [] })));
  });
});
