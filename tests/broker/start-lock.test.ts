/** Whatever a start lock looks like that somebody left behind, and where none can be made: sessions get a broker. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretPath } from '../../shared/secret.ts';
import { START_LOCK_MAX_MS, StartLock, startLocks } from '../../shared/start-lock.ts';
import { processesWith } from '../helpers/broker-process.ts';
import { McpClient } from '../helpers/mcp-client.ts';
import { DIST, RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { FULL_HOMES } from '../helpers/small-disk.ts';
import { until } from '../helpers/until.ts';

const NOBODY = 65_534;
/** A broker starts within a second or two; whoever waits for a lock to lapse takes longer. */
const AT_ONCE_MS = 10_000;

let box: Sandbox;
let children: ChildProcess[];
beforeEach(async () => {
  box = await Sandbox.create();
  children = [];
  mkdirSync(box.location.home, { mode: 0o700 });
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }
  await box.close();
});

/** A process that takes the lock as soon as it may, says so, and keeps it. */
async function holder(): Promise<ChildProcess> {
  const script = `
    const { StartLock } = await import(process.argv[1]);
    const location = JSON.parse(process.argv[2]);
    while (!StartLock.take(location)) await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 20));
    console.log('taken');
    setInterval(() => {}, 60_000);`;
  const module = join(DIST, 'shared', 'start-lock.js');
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, module, JSON.stringify(box.location)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  if (child.stdout) await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** The lock of a process that was killed while it started a broker. */
async function leftLock(): Promise<{ path: string; pid: number }> {
  const child = await holder();
  await kill(child);
  const [path] = startLocks(box.location);
  if (path === undefined || child.pid === undefined) throw new Error('there is no lock');
  return { path, pid: child.pid };
}

/** The system gave the number of the process that had the lock to another one. */
async function pidUsedAgain(by: number): Promise<string> {
  const { path, pid } = await leftLock();
  const reused = join(dirname(path), basename(path).replace(`.${pid}.`, `.${by}.`));
  renameSync(path, reused);
  return reused;
}

const LEFT: [string, () => Promise<void> | void][] = [
  [
    'an empty file without a process',
    () => writeFileSync(join(box.location.home, `starting-${box.location.port}`), ''),
  ],
  ['the lock of a starter that was killed', async () => void (await leftLock())],
  ['a lock whose process is another program by now', async () => void (await pidUsedAgain(process.pid))],
  ['a lock whose process is process 1 by now', async () => void (await pidUsedAgain(1))],
  [
    'a lock that a living process has had for too long',
    async () => {
      await holder();
      const long = new Date(Date.now() - START_LOCK_MAX_MS - 1_000);
      for (const path of startLocks(box.location)) utimesSync(path, long, long);
    },
  ],
  [
    'a lock from the future',
    async () => {
      await holder();
      const later = new Date(Date.now() + START_LOCK_MAX_MS + 60_000);
      for (const path of startLocks(box.location)) utimesSync(path, later, later);
    },
  ],
];

describe.each(LEFT)('%s', (_, leave) => {
  it('does not keep sessions without a broker, and two that come together start one', async () => {
    await leave();
    const start = performance.now();
    const sessions = await Promise.all([box.session(), box.session({ side: 'codex' })]);
    const answers = await Promise.all(sessions.map((session) => session.tool('whoami')));
    expect(answers.map(({ isError }) => isError)).toEqual([false, false]);
    expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
    const pid = await box.brokerPid();
    await until(() => {
      const brokers = processesWith(`AGENT_PEERS_PORT=${box.location.port}`, 'broker.js');
      return brokers.length === 1 && brokers[0] === pid;
    });
    expect(box.brokerLog().match(/"broker started"/g)).toHaveLength(1);
  });
});

describe('a lock that nobody can make', () => {
  it('where the folder is read-only: a session starts a broker without it', async () => {
    const asRoot = process.getuid?.() === 0;
    const { home, db } = box.location;
    writeFileSync(secretPath(home), `${'5a'.repeat(32)}\n`, { mode: 0o600 });
    const folder = join(box.home, 'data');
    mkdirSync(folder);
    if (asRoot) for (const path of [home, secretPath(home), folder]) chownSync(path, NOBODY, NOBODY);
    chmodSync(home, 0o500);
    chmodSync(box.home, 0o755);
    try {
      const child = box.run(RUNTIMES.node.command, [RUNTIMES.node.entry('claude-server')], {
        env: { AGENT_PEERS_ENABLED: '1', AGENT_PEERS_DB: join(folder, basename(db)) },
        ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}),
      });
      const session = new McpClient(child);
      await session.initialize('claude-code');
      expect(await session.tool('whoami')).toMatchObject({ isError: false });
      expect(readdirSync(home)).toEqual(['secret']);
    } finally {
      // ours again: the test asks the broker for its number, to end it
      chmodSync(home, 0o700);
      if (asRoot) for (const path of [home, secretPath(home)]) chownSync(path, 0, 0);
      await box.brokerPid();
    }
  });

  it.each(FULL_HOMES)('on %s: likewise', async (_, make) => {
    const full = make(box);
    try {
      expect(() => writeFileSync(join(box.location.home, 'more'), '')).toThrow('ENOSPC');
      const session = await box.session();
      expect(await session.tool('whoami')).toMatchObject({ isError: false });
      await box.brokerPid();
    } finally {
      full.end();
    }
  });
});

describe('contenders', () => {
  it('for a left-over lock: one has it at a time, and the next gets it when that one dies', async () => {
    await leftLock();
    const waiting = Array.from({ length: 3 }, () => holder());
    let left = waiting;
    for (let i = 0; i < waiting.length; i += 1) {
      const first = await Promise.race(left.map(async (each) => ({ each, child: await each })));
      const locks = startLocks(box.location).filter((path) => basename(path).includes(`.${first.child.pid}.`));
      expect(locks).toHaveLength(1);
      expect(StartLock.take(box.location)).toBeUndefined();
      // nobody who looked on has removed it
      expect(startLocks(box.location)).toContain(locks[0]);
      left = left.filter((each) => each !== first.each);
      await kill(first.child);
    }
    StartLock.take(box.location)?.release();
    expect(startLocks(box.location)).toEqual([]);
  });

  it('release what they took, and nothing else', () => {
    const lock = StartLock.take(box.location);
    expect(startLocks(box.location)).toHaveLength(1);
    const other = { ...box.location, port: box.location.port + 1 };
    const elsewhere = StartLock.take(other);
    lock?.release();
    expect([startLocks(box.location).length, startLocks(other).length]).toEqual([0, 1]);
    lock?.release();
    elsewhere?.release();
    expect(readdirSync(box.location.home)).toEqual([]);
  });
});
