/** Finds the broker of this user, or starts one. bind() on the port decides which of several starters wins. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BrokerClient, type Hello } from './client.ts';
import { brokerEnv, type Env, type Location, readLocation } from './config.ts';
import { type ErrorBody, PeersError } from './errors.ts';
import { ensurePrivateFolder } from './secret.ts';
import { VERSION } from './version.ts';

const START_TIMEOUT_MS = 15_000;
/** After this, another session no longer waits for the one that said it would start the broker. */
const STARTER_TIMEOUT_MS = 3_000;
const DRAIN_TIMEOUT_MS = 5_000;

/** What a starting broker prints on its standard output, one JSON line. */
export type StartReport = { ready: true; pid: number } | { error: ErrorBody };

/** The broker's entry beside another entry file: `broker.ts` from source, `broker.js` once built. */
export function brokerEntryBeside(entryUrl: string): string {
  const self = fileURLToPath(entryUrl);
  return join(dirname(self), `broker${extname(self)}`);
}

/** Starts a broker process and waits until it, or the one that was faster, answers. */
export async function startBroker(entry: string, env: Env): Promise<number> {
  const location = readLocation(env);
  const child = spawn(process.execPath, [entry], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...brokerEnv(env),
      // resolved here: the broker runs in another directory
      AGENT_PEERS_PORT: String(location.port),
      AGENT_PEERS_HOME: location.home,
      AGENT_PEERS_DB: location.db,
    },
    cwd: '/',
  });
  try {
    const report = await new Promise<StartReport>((resolve, reject) => {
      let out = '';
      const timer = setTimeout(() => reject(startFailed('it did not report within 15 s')), START_TIMEOUT_MS);
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
        const end = out.indexOf('\n');
        if (end < 0) return;
        clearTimeout(timer);
        try {
          resolve(JSON.parse(out.slice(0, end)) as StartReport);
        } catch (error) {
          reject(startFailed('it printed something else than its report', error));
        }
      });
      child.once('error', (error) => {
        clearTimeout(timer);
        reject(startFailed(error.message, error));
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        reject(startFailed(`it ended with ${signal ?? `code ${code}`}`));
      });
    });
    if ('error' in report) throw PeersError.fromBody(report.error);
    return report.pid;
  } finally {
    child.stdout.destroy();
    child.removeAllListeners();
    child.on('error', () => {});
    child.unref();
  }
}

function startFailed(what: string, cause?: unknown): PeersError {
  return new PeersError(
    'broker_unavailable',
    `The broker could not be started: ${what}.`,
    'Look at broker.log in ~/.agent-peers (or AGENT_PEERS_HOME), or run the broker by hand to see what it says.',
    { cause },
  );
}

/** Compares dotted numbers; what follows a hyphen is not looked at. */
export function isNewer(version: string, than: string): boolean {
  const left = version.split('-', 1)[0]?.split('.').map(Number) ?? [];
  const right = than.split('-', 1)[0]?.split('.').map(Number) ?? [];
  for (let i = 0; i < 3; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/**
 * Makes sure that a broker at least as new as this program answers. An older one is asked to drain first.
 * @throws PeersError `port_in_use`, `broker_unproven`, or why the broker could not start
 */
export async function ensureBroker(location: Location, entry: string, env: Env): Promise<Hello> {
  const client = new BrokerClient(location);
  try {
    let hello = await helloOrNothing(client);
    if (hello && isNewer(VERSION, hello.version)) {
      await client.call('stopBroker', { reason: `replaced by version ${VERSION}` });
      await gone(client, hello.pid);
      hello = undefined;
    }
    if (hello) return hello;
    return (await startTogether(client, location, entry, env)) ?? (await client.hello());
  } finally {
    client.close();
  }
}

/**
 * Of several sessions that find no broker at once, one spends the time to start it; bind() would settle the race too,
 * but with a process for each.
 * @returns what the broker says that somebody else started, or nothing after starting one here
 */
async function startTogether(
  client: BrokerClient,
  location: Location,
  entry: string,
  env: Env,
): Promise<Hello | undefined> {
  ensurePrivateFolder(location.home);
  const lock = join(location.home, `starting-${location.port}`);
  const end = performance.now() + STARTER_TIMEOUT_MS;
  while (!take(lock)) {
    await delay(20 + Math.random() * 30);
    const hello = await helloOrNothing(client);
    if (hello) return hello;
    // whoever held the lock was killed, or is too slow to wait for
    if (performance.now() > end) rmSync(lock, { force: true });
  }
  try {
    // it may have come up between the first look and the lock
    const hello = await helloOrNothing(client);
    if (hello) return hello;
    await startBroker(entry, env);
    return undefined;
  } finally {
    rmSync(lock, { force: true });
  }
}

function take(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function helloOrNothing(client: BrokerClient): Promise<Hello | undefined> {
  try {
    const hello = await client.hello();
    return hello.draining ? undefined : hello;
  } catch (error) {
    if (error instanceof PeersError && error.code === 'broker_unavailable') return undefined;
    throw error;
  }
}

async function gone(client: BrokerClient, pid: number): Promise<void> {
  const end = performance.now() + DRAIN_TIMEOUT_MS;
  while (performance.now() < end) {
    const hello = await helloOrNothing(client).catch(() => undefined);
    if (!hello || hello.pid !== pid) return;
    await delay(25);
  }
}
