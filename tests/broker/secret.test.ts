/** The secret file: missing, open to others, damaged, not the broker's. One clear error, and nothing is overwritten. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Deps } from '../../broker/deps.ts';
import { watchSecret } from '../../broker/secret-watch.ts';
import { ensureSecret, secretPath } from '../../shared/secret.ts';
import { startFailure, startReport } from '../helpers/broker-process.ts';
import { endless, fifo } from '../helpers/odd-files.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { isRunning } from '../helpers/processes.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const VALID = `${'5a'.repeat(32)}\n`;

let box: Sandbox;
let path: string;
beforeEach(async () => {
  box = await Sandbox.create();
  path = secretPath(box.location.home);
});
afterEach(() => box.close());

function put(content: string, mode = 0o600): void {
  mkdirSync(box.location.home, { mode: 0o700, recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

describe('a broker that starts', () => {
  it('makes a secret that only its user can read, and keeps the one that is there', async () => {
    const first = box.spawn('broker');
    expect(await startReport(first)).toHaveProperty('ready', true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(box.location.home).mode & 0o777).toBe(0o700);
    const made = readFileSync(path, 'utf8');
    expect(made).toMatch(/^[0-9a-f]{64}\n$/);
    first.kill('SIGKILL');
    await box.broker();
    expect(readFileSync(path, 'utf8')).toBe(made);
    expect(readdirSync(box.location.home).filter((name) => name.startsWith('secret'))).toEqual(['secret']);
  });

  it.each([
    ['open to others', VALID, 0o644, 'chmod 600'],
    ['open to the group', VALID, 0o640, 'chmod 600'],
    ['empty', '', 0o600, 'does not hold a valid secret'],
    ['cut short', VALID.slice(0, 40), 0o600, 'does not hold a valid secret'],
    ['garbage', '\u0000\ufffd not a secret', 0o600, 'does not hold a valid secret'],
  ])('refuses one that is %s, says what to do, and leaves it as it is', async (_, content, mode, text) => {
    put(content, mode);
    const failure = await startFailure(box.spawn('broker'));
    expect(failure).toMatchObject({ code: 'secret_unsafe', text: expect.stringContaining(text), exit: 1 });
    expect(failure.text).toContain(path);
    expect(readFileSync(path, 'utf8')).toBe(content);
    expect(statSync(path).mode & 0o777).toBe(mode);
  });

  it.each([
    ['a FIFO', fifo],
    ['endless', endless],
  ])('refuses one that is %s without waiting for its end', async (_, make) => {
    mkdirSync(box.location.home, { mode: 0o700 });
    make(path);
    expect(await startFailure(box.spawn('broker'))).toMatchObject({ code: 'secret_unsafe', exit: 1 });
  });

  it('refuses a folder in its place, and a home that others can enter', async () => {
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o700);
    chmodSync(box.location.home, 0o700);
    expect(await startFailure(box.spawn('broker'))).toMatchObject({ code: 'secret_unsafe' });
    rmSync(path, { recursive: true });
    chmodSync(box.location.home, 0o755);
    const failure = await startFailure(box.spawn('broker'));
    expect(failure).toMatchObject({ code: 'secret_unsafe', text: expect.stringContaining('chmod 700') });
    expect(statSync(box.location.home).mode & 0o777).toBe(0o755);
  });

  it('tells it through the tools of a session, which works once the secret is safe', async () => {
    put(VALID, 0o644);
    const session = await box.session({ name: 'ann' });
    const { text, isError } = await session.tool('whoami');
    expect([isError, text]).toEqual([true, expect.stringContaining('Error secret_unsafe: ')]);
    expect(text).toContain('chmod 600');
    chmodSync(path, 0o600);
    await until(async () => !(await session.tool('whoami')).isError);
  });

  it('says so when there is no room for one, and leaves nothing behind', async () => {
    const { command, entry } = RUNTIMES.node;
    const failure = await startFailure(
      box.run('sh', ['-c', 'ulimit -f 0 && exec "$0" "$1"', command, entry('broker')]),
    );
    expect(failure).toMatchObject({ code: 'storage_full', text: expect.stringContaining(box.location.home) });
    expect(readdirSync(box.location.home)).toEqual([]);
  });

  it('says so when its home cannot be made', async () => {
    writeFileSync(join(box.home, 'file'), '');
    const failure = await startFailure(
      box.spawn('broker', [], { env: { AGENT_PEERS_HOME: join(box.home, 'file', 'home') } }),
    );
    expect(failure).toMatchObject({ code: 'invalid_config', text: expect.stringContaining('AGENT_PEERS_HOME') });
  });
});

describe('a client of a running broker', () => {
  beforeEach(async () => {
    await box.broker();
  });

  it('whose secret is gone says so, and makes none of its own', async () => {
    rmSync(path);
    // whose broker it is nobody can tell then: it may also be that of another AGENT_PEERS_HOME
    expect(await codeOf(box.client.hello())).toBe('broker_unproven');
    expect(await codeOf(Peer.register(box.client, 'ann'))).toBe('secret_missing');
    expect(readdirSync(box.location.home)).not.toContain('secret');
  });

  it('with another secret does not trust the broker, and tells it nothing', async () => {
    put(VALID);
    const refused = Peer.register(box.client, 'ann');
    await expect(refused).rejects.toMatchObject({
      code: 'broker_unproven',
      hint: expect.stringContaining('AGENT_PEERS_PORT'),
    });
    expect(box.brokerLog()).not.toContain('session registered');
  });

  it.each([
    ['a FIFO', fifo],
    ['endless', endless],
  ])('whose secret is %s says so without waiting for its end', async (_, make) => {
    rmSync(path);
    make(path);
    expect(await codeOf(box.client.hello())).toBe('secret_unsafe');
  });

  it('whose secret others can read refuses to use it', async () => {
    chmodSync(path, 0o604);
    expect(await codeOf(box.client.hello())).toBe('secret_unsafe');
  });
});

describe('a broker that runs', () => {
  it('ends when its secret is deleted, and the session that is open goes on with a new one and its mail', async () => {
    const ann = await box.session({ name: 'ann' });
    await ann.tool('whoami');
    await box.client.call('sendMessage', { to: 'ann', message: 'still here?' });
    const before = readFileSync(path, 'utf8');
    const { pid } = await box.client.hello();
    rmSync(path);
    await until(() => !isRunning(pid), { within: 15_000 });
    expect((await ann.tool('check_messages')).text).toContain('still here?');
    expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(readFileSync(path, 'utf8')).not.toBe(before);
    expect((await box.client.hello()).pid).not.toBe(pid);
  });

  it.each([
    ['a FIFO', fifo],
    ['endless', endless],
    ['a folder', (name: string) => mkdirSync(name)],
  ])('ends when %s stands in place of its secret, which it does not wait for', async (_, make) => {
    const secret = ensureSecret(box.location.home);
    rmSync(path);
    make(path);
    vi.useFakeTimers();
    try {
      const stop = vi.fn();
      const stopping = new AbortController();
      watchSecret({ config: { home: box.location.home }, secret, stop, stopping: stopping.signal } as unknown as Deps);
      vi.advanceTimersByTime(10_000);
      expect(stop).toHaveBeenCalledWith(`${path} was deleted or replaced`);
      stopping.abort();
    } finally {
      vi.useRealTimers();
    }
  });
});
