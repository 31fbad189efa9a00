/** Finds the broker of this user, or starts one. bind() on the port decides which of several starters wins. */
import { setTimeout as delay } from 'node:timers/promises';
import { BrokerClient, type Hello } from './client.ts';
import type { Env, Location } from './config.ts';
import { PeersError } from './errors.ts';
import { startBroker } from './start-broker.ts';
import { START_LOCK_MAX_MS, StartLock } from './start-lock.ts';
import { VERSION } from './version.ts';

const DRAIN_TIMEOUT_MS = 5_000;
/** By then each of the others has failed, or its lock has lapsed. */
const OTHERS_TIMEOUT_MS = START_LOCK_MAX_MS + 5_000;

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

/** @returns what the broker says that somebody else started, or nothing after starting one here */
async function startTogether(
  client: BrokerClient,
  location: Location,
  entry: string,
  env: Env,
): Promise<Hello | undefined> {
  const end = performance.now() + OTHERS_TIMEOUT_MS;
  let lock = StartLock.take(location);
  while (!lock) {
    if (performance.now() > end) throw othersFail(location);
    await delay(10 + Math.random() * 20);
    const hello = await helloOrNothing(client);
    if (hello) return hello;
    lock = StartLock.take(location);
  }
  try {
    // it may have come up between the first look and the lock
    const hello = await helloOrNothing(client);
    if (hello) return hello;
    await startBroker(entry, env);
    return undefined;
  } finally {
    lock.release();
  }
}

function othersFail({ port }: Location): PeersError {
  return new PeersError(
    'broker_unavailable',
    `Other sessions have tried for ${OTHERS_TIMEOUT_MS / 1000} s to start a broker on 127.0.0.1:${port}, and none answers yet.`,
    'Look at broker.log in ~/.agent-peers (or AGENT_PEERS_HOME).',
  );
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
