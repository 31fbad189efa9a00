/** The database is deleted, moved or replaced under a running broker: what was acknowledged is found again. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseDriver } from '../../broker/store/drivers/choose.ts';
import { isPassing } from '../../shared/errors.ts';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { type Runtime, Sandbox } from '../helpers/sandbox.ts';
import { rowsOf } from '../helpers/sqlite-file.ts';
import { until } from '../helpers/until.ts';

const SENDERS = 4;
const NOTICED_MS = 1_000;
const SLACK_MS = 9_000;

let box: Sandbox;
let db: string;
beforeEach(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  db = box.location.db;
});
afterEach(() => box.close());

async function started(runtime: Runtime = 'node') {
  const broker = box.spawn('broker', [], { runtime });
  expect(await startReport(broker)).toHaveProperty('ready', true);
  return broker;
}

function rescued(): string[] {
  const backups = join(box.location.home, 'backups');
  return existsSync(backups) ? readdirSync(backups).map((name) => join(backups, name)) : [];
}

/** The ids of all messages in a database file, which is whole. */
async function messagesIn(path: string): Promise<string[]> {
  const opened = (await chooseDriver()).open(path, { readonly: true });
  try {
    expect(rowsOf(opened, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    return rowsOf<{ id: string }>(opened, 'select id from messages').map(({ id }) => id);
  } finally {
    opened.close();
  }
}

/** Peers that send to bob until the broker refuses for good. */
class Load {
  readonly acknowledged: string[] = [];
  readonly refused: string[] = [];
  readonly #senders: Promise<void>[];

  constructor(senders: readonly Peer[]) {
    this.#senders = senders.map((sender) => this.#send(sender));
  }

  async #send(sender: Peer): Promise<void> {
    for (let i = 0; ; i += 1) {
      try {
        this.acknowledged.push((await sender.send('bob', `${sender.name} ${i} ${'x'.repeat(500)}`)).message_id);
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.refused.push(error.code);
        return;
      }
    }
  }

  async begun(): Promise<void> {
    await until(() => this.acknowledged.length >= 10 * SENDERS);
  }

  async over(): Promise<void> {
    await Promise.all(this.#senders);
  }
}

async function underLoad(): Promise<{ load: Load; bob: Peer }> {
  const bob = await Peer.register(box.client, 'bob');
  const senders = await Promise.all(
    Array.from({ length: SENDERS }, (_, i) => Peer.register(box.client, `sender-${i}`)),
  );
  const load = new Load(senders);
  await load.begun();
  return { load, bob };
}

const REMOVED: [string, () => void][] = [
  ['its file is deleted', () => rmSync(db)],
  [
    'its file, log and index are deleted',
    () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(db + suffix);
    },
  ],
  ['its file is moved away', () => renameSync(db, `${db}.moved`)],
  ['its log is deleted', () => rmSync(`${db}-wal`)],
  ['its index is deleted', () => rmSync(`${db}-shm`)],
];

describe.each<Runtime>(['node', 'bun'])('a database under load, with %s', (runtime) => {
  it.each(REMOVED)('%s: senders are refused, and the next broker has all that was acknowledged', async (_, remove) => {
    const broker = await started(runtime);
    const { load, bob } = await underLoad();
    remove();
    const start = performance.now();
    await load.over();
    expect(performance.now() - start).toBeLessThan(NOTICED_MS + SLACK_MS);
    expect(load.refused).toContain('database_gone');
    expect(await exitCode(broker)).toBe(0);
    expect(box.brokerLog()).toContain(`Everything is in ${db}.`);
    expect(statSync(db).mode & 0o777).toBe(0o600);

    await box.broker();
    expect(await messagesIn(db)).toEqual(expect.arrayContaining(load.acknowledged));
    // nor does whoever moved it away have less
    const moved = `${db}.moved`;
    if (existsSync(moved)) expect(await messagesIn(moved)).toEqual(expect.arrayContaining(load.acknowledged));
    // the same session goes on
    const { peer } = await bob.call('whoami', {});
    expect(peer.unread).toBeGreaterThanOrEqual(load.acknowledged.length);
    expect(readdirSync(dirname(db)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('another database takes its place: that one is left alone, and a copy with everything is in the backups', async () => {
    const other = join(box.home, 'other.db');
    const elsewhere = await Sandbox.create();
    try {
      await elsewhere.broker();
      const ann = await Peer.register(elsewhere.client, 'ann');
      await Peer.register(elsewhere.client, 'bob');
      const { message_id } = await ann.send('bob', 'in the other database');
      await elsewhere.client.call('stopBroker', {});
      await until(async () => (await codeOf(elsewhere.client.hello())) === 'broker_unavailable');
      await until(() => !existsSync(`${elsewhere.location.db}-wal`));
      renameSync(elsewhere.location.db, other);

      const broker = await started(runtime);
      const { load } = await underLoad();
      renameSync(other, db);
      await load.over();
      expect(await exitCode(broker)).toBe(0);
      const [copy] = rescued();
      expect(rescued()).toHaveLength(1);
      expect(box.brokerLog()).toContain(`Everything is in ${copy}.`);
      expect(statSync(copy ?? '').mode & 0o777).toBe(0o600);
      expect(await messagesIn(copy ?? '')).toEqual(expect.arrayContaining(load.acknowledged));
      expect(await messagesIn(db)).toEqual([message_id]);
      await box.broker();
      expect(await messagesIn(db)).toEqual([message_id]);
    } finally {
      await elsewhere.close();
    }
  });
});

describe('a database whose file is gone', () => {
  it('is noticed within a second where nobody writes', async () => {
    const broker = await started();
    const ann = await Peer.register(box.client, 'ann');
    await Peer.register(box.client, 'bob');
    const { message_id } = await ann.send('bob', 'hello');
    rmSync(db);
    const start = performance.now();
    expect(await exitCode(broker)).toBe(0);
    expect(performance.now() - start).toBeLessThan(NOTICED_MS + SLACK_MS);
    await until(() => existsSync(db));
    expect(await messagesIn(db)).toEqual([message_id]);
  });

  it('is noticed by a broker that is told to stop at that moment', async () => {
    const broker = await started();
    const ann = await Peer.register(box.client, 'ann');
    await Peer.register(box.client, 'bob');
    const { message_id } = await ann.send('bob', 'hello');
    rmSync(db);
    broker.kill('SIGTERM');
    expect(await exitCode(broker)).toBe(0);
    expect(await messagesIn(db)).toEqual([message_id]);
  });

  it('is not noticed by sessions: they go on, and nothing is lost or comes twice', async () => {
    const [ann, bob] = await Promise.all([
      box.session({ name: 'ann', side: 'codex' }),
      box.session({ name: 'bob', side: 'codex' }),
    ]);
    await Promise.all([ann.tool('whoami'), bob.tool('whoami')]);
    const first = await box.brokerPid();
    let sent = 0;
    let isOver = false;
    const sending = (async () => {
      while (!isOver) {
        const answer = await ann.tool('send_message', { to_id: 'bob', message: `note ${sent}` });
        expect([answer.isError, answer.text]).toEqual([false, expect.anything()]);
        sent += 1;
      }
    })();
    await until(() => sent > 5);
    rmSync(db);
    await until(async () => (await box.client.hello().catch(() => undefined))?.pid !== first);
    const before = sent;
    await until(() => sent > before + 5);
    isOver = true;
    await sending;
    await box.brokerPid();
    const seen: string[] = [];
    await until(async () => {
      const { text } = await bob.tool('check_messages');
      seen.push(...[...text.matchAll(/^> (note \d+)$/gm)].map((match) => match[1] ?? ''));
      return seen.length >= sent;
    });
    expect(seen).toEqual(Array.from({ length: sent }, (_, i) => `note ${i}`));
  });

  it('with its folder: a copy with everything is in the backups', async () => {
    const folder = join(box.home, 'data');
    mkdirSync(folder);
    box.env['AGENT_PEERS_DB'] = join(folder, 'peers.db');
    const broker = await started();
    const { load } = await underLoad();
    rmSync(folder, { recursive: true });
    await load.over();
    expect(await exitCode(broker)).toBe(0);
    expect(await messagesIn(rescued()[0] ?? '')).toEqual(expect.arrayContaining(load.acknowledged));
  });

  it('behind a link: the next broker finds it through the link', async () => {
    const real = join(box.home, 'real.db');
    symlinkSync(real, db);
    writeFileSync(real, '', { mode: 0o600 });
    const broker = await started();
    const { load } = await underLoad();
    rmSync(real);
    await load.over();
    expect(await exitCode(broker)).toBe(0);
    await box.broker();
    expect(await messagesIn(real)).toEqual(expect.arrayContaining(load.acknowledged));
  });

  it('and cannot be saved: the broker refuses everything, says why, and saves it once it can', async () => {
    const backups = join(box.location.home, 'backups');
    const broker = await started();
    const { load } = await underLoad();
    writeFileSync(backups, 'in the way');
    writeFileSync(join(box.home, 'other.db'), '', { mode: 0o600 });
    renameSync(join(box.home, 'other.db'), db);
    await load.over();
    const refused = await until(() =>
      box.client.call('brokerStatus', {}).then(
        () => undefined,
        (error: { code: string; message: string }) => /could not be saved yet/.test(error.message) && error,
      ),
    );
    expect(refused).toMatchObject({ code: 'database_gone', message: expect.stringContaining('backups') });
    expect(broker.exitCode).toBe(null);
    rmSync(backups);
    expect(await exitCode(broker)).toBe(0);
    expect(await messagesIn(rescued()[0] ?? '')).toEqual(expect.arrayContaining(load.acknowledged));
  });

  it('together with the secret: whoever deletes both wants nothing kept', async () => {
    const broker = await started();
    const { load } = await underLoad();
    rmSync(box.location.home, { recursive: true });
    for (const suffix of ['', '-wal', '-shm']) rmSync(db + suffix);
    await load.over();
    expect(await exitCode(broker)).toBe(0);
    expect(existsSync(db)).toBe(false);
    expect(rescued()).toEqual([]);
  });
});
