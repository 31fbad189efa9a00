/** A database that cannot be used: the broker does not start, says why in one error, and leaves every byte as it was. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCode, startFailure, startReport } from '../helpers/broker-process.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { openFile } from '../helpers/sqlite-file.ts';
import { until } from '../helpers/until.ts';

const NOBODY = 65_534;
const PAGE = 4_096;

let box: Sandbox;
let db: string;
beforeEach(async () => {
  box = await Sandbox.create();
  db = box.location.db;
});
afterEach(() => box.close());

/** Runs a broker that stores some mail, and ends it. */
async function fill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const broker = box.spawn('broker');
  await startReport(broker);
  const ann = await Peer.register(box.client, 'ann');
  await Peer.register(box.client, 'bob');
  for (let i = 0; i < 20; i += 1) await ann.send('bob', `${i} ${'x'.repeat(2_000)}`);
  broker.kill(signal);
  await exitCode(broker);
}

/** The database and its log, byte for byte. SQLite makes an empty log and rebuilds its index at will. */
function files(): Record<string, string> {
  const paths = [db, `${db}-wal`, `${db}-journal`].filter((path) => sizeOf(path) > 0);
  return Object.fromEntries(paths.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]));
}

function sizeOf(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : 0;
}

function overwrite(offset: number, bytes: Buffer): void {
  const content = readFileSync(db);
  bytes.copy(content, offset);
  writeFileSync(db, content, { mode: 0o600 });
}

/** While somebody has it open. */
function overwriteInPlace(offset: number, bytes: Buffer): void {
  const fd = openSync(db, 'r+');
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

/** A change by a program that knows this database. */
async function edit(sql: string): Promise<void> {
  const opened = await openFile(db);
  opened.exec(sql);
  opened.close();
}

async function refusedUntouched(code: string): Promise<string> {
  const before = files();
  const failure = await startFailure(box.spawn('broker'));
  expect(failure).toMatchObject({ code, exit: 1 });
  expect(files()).toEqual(before);
  return failure.text;
}

describe('a damaged database', () => {
  it.each<[string, () => Promise<void> | void]>([
    ['is no database at all', () => writeFileSync(db, 'x'.repeat(3 * PAGE), { mode: 0o600 })],
    [
      'has garbage for a header',
      async () => {
        await fill('SIGTERM');
        overwrite(0, Buffer.alloc(100, 0x5a));
      },
    ],
    [
      'has a garbage page in the middle',
      async () => {
        await fill('SIGTERM');
        overwrite(Math.floor(statSync(db).size / PAGE / 2) * PAGE, Buffer.alloc(PAGE, 0x5a));
      },
    ],
    [
      'was cut in half',
      async () => {
        await fill('SIGTERM');
        writeFileSync(db, readFileSync(db).subarray(0, Math.floor(statSync(db).size / 2)), { mode: 0o600 });
      },
    ],
    [
      'has garbage pages, beside the log of a broker that was killed',
      async () => {
        await fill('SIGKILL');
        // what was written lately is in the log, the rest is read from here
        overwrite(PAGE, Buffer.alloc(statSync(db).size - PAGE, 0x5a));
      },
    ],
  ])('that %s', async (_, damage) => {
    await damage();
    const text = await refusedUntouched('database_damaged');
    expect(text).toContain(db);
    expect(text).toContain('backups');
  });

  it('is what the tools of a session speak of, and a session that waited works once it is repaired', async () => {
    await fill('SIGTERM');
    const good = readFileSync(db);
    overwrite(0, Buffer.alloc(100, 0x5a));
    const session = await box.session({ name: 'eve' });
    const { text, isError } = await session.tool('whoami');
    expect([isError, text]).toEqual([true, expect.stringContaining('Error database_damaged: ')]);
    writeFileSync(db, good);
    await until(async () => !(await session.tool('whoami')).isError);
    const { peers } = await box.client.call('brokerStatus', { include_offline: true });
    expect(peers.map(({ name }) => name).sort()).toEqual(['ann', 'bob', 'eve']);
  });

  it('is what a session says at once whose broker has ended meanwhile', async () => {
    const broker = box.spawn('broker');
    await startReport(broker);
    const session = await box.session({ name: 'eve' });
    await session.tool('whoami');
    writeFileSync(join(box.home, 'bad.db'), 'x'.repeat(3 * PAGE), { mode: 0o600 });
    broker.kill('SIGSTOP');
    for (const suffix of ['-wal', '-shm']) rmSync(`${db}${suffix}`, { force: true });
    renameSync(join(box.home, 'bad.db'), db);
    broker.kill('SIGKILL');
    await exitCode(broker);
    const start = performance.now();
    const { text, isError } = await session.tool('whoami');
    expect([isError, text]).toEqual([true, expect.stringContaining('Error database_damaged: ')]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('of which the damage is met later: who meets it gets the same error, and the broker lives', async () => {
    box.env['AGENT_PEERS_RATE_PER_MINUTE'] = '0';
    const first = box.spawn('broker');
    await startReport(first);
    const ann = await Peer.register(box.client, 'ann');
    const bob = await Peer.register(box.client, 'bob');
    // more than the broker keeps in memory
    for (let i = 0; i < 120; i += 1) await ann.send('bob', 'x'.repeat(60_000));
    first.kill('SIGTERM');
    await exitCode(first);
    const broker = box.spawn('broker');
    await startReport(broker);
    overwriteInPlace(100 * PAGE, Buffer.alloc(statSync(db).size - 100 * PAGE, 0x5a));
    expect(await codeOf(bob.waiting())).toBe('database_damaged');
    expect((await box.client.hello()).pid).toBe(broker.pid);
  });
});

describe('a database that is not for this version', () => {
  it('comes from a later version', async () => {
    await fill('SIGTERM');
    await edit("insert into migrations (id, name, applied_at) values (999, 'later', 0)");
    const text = await refusedUntouched('database_from_future');
    expect(text).toContain('999');
  });

  it('comes from a later version whose broker was killed', async () => {
    await fill('SIGKILL');
    expect(statSync(`${db}-wal`).size).toBeGreaterThan(0);
    const later = await openFile(db);
    later.exec("insert into migrations (id, name, applied_at) values (999, 'later', 0)");
    // a copy while it is open is what a killed process leaves
    const killed = [db, `${db}-wal`].map((path) => [path, readFileSync(path)] as const);
    later.close();
    for (const [path, content] of killed) writeFileSync(path, content, { mode: 0o600 });
    await refusedUntouched('database_from_future');
  });

  it('belongs to another program', async () => {
    await edit('create table songs (title text); insert into songs values (1)');
    expect(await refusedUntouched('database_damaged')).toContain('AGENT_PEERS_DB');
  });
});

describe('a database that cannot be written', () => {
  /** Root may write anywhere: there the broker runs as a user who may not. */
  const asRoot = process.getuid?.() === 0;

  function brokerOfUser() {
    const [command, entry] = [RUNTIMES.node.command, RUNTIMES.node.entry('broker')];
    return box.run(command, [entry], asRoot ? { cwd: '/', uid: NOBODY, gid: NOBODY } : {});
  }

  beforeEach(() => {
    // the home belongs to the user, the database's folder is somebody else's
    mkdirSync(box.location.home, { mode: 0o700 });
    mkdirSync(join(box.home, 'shared'));
    db = join(box.home, 'shared', 'peers.db');
    box.env['AGENT_PEERS_DB'] = db;
    chmodSync(box.home, 0o755);
    if (asRoot) chownSync(box.location.home, NOBODY, NOBODY);
  });
  afterEach(() => {
    chmodSync(join(box.home, 'shared'), 0o755);
  });

  async function refused(): Promise<void> {
    const before = files();
    const failure = await startFailure(brokerOfUser());
    expect(failure).toMatchObject({ code: 'database_read_only', exit: 1 });
    expect(failure.text).toContain(db);
    expect(files()).toEqual(before);
  }

  it('since its folder is read-only', async () => {
    chmodSync(join(box.home, 'shared'), 0o555);
    await refused();
    expect(existsSync(db)).toBe(false);
  });

  it('since the file is read-only, though its folder is not: new, or with content', async () => {
    if (asRoot) chownSync(join(box.home, 'shared'), NOBODY, NOBODY);
    writeFileSync(db, '', { mode: 0o444 });
    if (asRoot) chownSync(db, NOBODY, NOBODY);
    await refused();

    chmodSync(db, 0o600);
    if (asRoot) chownSync(db, 0, 0);
    const broker = box.spawn('broker', [], { env: { AGENT_PEERS_HOME: join(box.home, 'other-home') } });
    await startReport(broker);
    broker.kill('SIGTERM');
    await exitCode(broker);
    chmodSync(db, 0o444);
    if (asRoot) chownSync(db, NOBODY, NOBODY);
    await refused();
  });

  it('since its folder cannot exist', async () => {
    writeFileSync(join(box.home, 'file'), '');
    db = join(box.home, 'file', 'peers.db');
    box.env['AGENT_PEERS_DB'] = db;
    const failure = await startFailure(brokerOfUser());
    expect(failure).toMatchObject({
      code: 'database_read_only',
      text: expect.stringContaining('AGENT_PEERS_DB'),
      exit: 1,
    });
  });

  it('since it is a folder', async () => {
    mkdirSync(db);
    const failure = await startFailure(brokerOfUser());
    expect(failure).toMatchObject({ code: 'database_read_only', exit: 1 });
  });
});
