/** Presence keeps the store true to the connections there are, also when the store fails now and then. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Presence } from '../../broker/presence.ts';
import type { Store } from '../../broker/store/store.ts';
import { PeersError } from '../../shared/errors.ts';
import { DETACH_GRACE_MS, LEASE_MS } from '../../shared/limits.ts';
import { sqliteHost } from '../store/sqlite-host.ts';
import { type Member, World } from '../store/world.ts';

let world: World;
let bob: Member;
let presence: Presence;
/** What the store refuses next. */
let broken: Set<'markAttached' | 'markDetached'>;
const left: string[] = [];

beforeEach(async () => {
  world = await World.create(sqliteHost());
  bob = await world.join('bob');
  broken = new Set();
  left.length = 0;
  const failing = (what: 'markAttached' | 'markDetached') => {
    if (broken.delete(what)) throw new PeersError('storage_full', 'The disk is full.', 'Free some space.');
  };
  const { store } = world;
  const flaky: Store = Object.assign(Object.create(store) as Store, {
    markAttached: async (...args: Parameters<Store['markAttached']>) => {
      failing('markAttached');
      await store.markAttached(...args);
    },
    markDetached: async (...args: Parameters<Store['markDetached']>) => {
      failing('markDetached');
      return store.markDetached(...args);
    },
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  presence = new Presence({
    store: flaky,
    clock: { now: () => world.now, monotonic: () => world.now },
    log: pino({ level: 'silent' }),
    onDetached: (peer_id) => left.push(peer_id),
  });
});
afterEach(async () => {
  presence.close();
  vi.useRealTimers();
  await world.end();
});

async function isOnline(): Promise<boolean | undefined> {
  return (await world.store.findPeer('bob'))?.online;
}

/** Lets timers run as if the time had passed, and what they started come to its end. */
async function wait(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await world.store.counts(world.now);
}

describe('a session', () => {
  it('is there while it holds a request, and for two seconds after', async () => {
    await presence.hold(bob.session.id);
    await wait(60_000);
    expect([await isOnline(), presence.isHeld(bob.session.id)]).toEqual([true, true]);
    presence.release(bob.session.id);
    expect(presence.isHeld(bob.session.id)).toBe(false);
    await wait(DETACH_GRACE_MS - 1);
    expect([await isOnline(), left]).toEqual([true, []]);
    await wait(1);
    expect([await isOnline(), left]).toEqual([false, [bob.id]]);
  });

  it('that holds the next request in time never leaves', async () => {
    await presence.hold(bob.session.id);
    for (let i = 0; i < 5; i += 1) {
      presence.release(bob.session.id);
      await wait(DETACH_GRACE_MS - 1);
      await presence.hold(bob.session.id);
    }
    await wait(60_000);
    expect([await isOnline(), left]).toEqual([true, []]);
  });

  it('with two requests is there until both ended', async () => {
    await presence.hold(bob.session.id);
    await presence.hold(bob.session.id);
    presence.release(bob.session.id);
    await wait(60_000);
    expect(await isOnline()).toBe(true);
    presence.release(bob.session.id);
    await wait(DETACH_GRACE_MS);
    expect(await isOnline()).toBe(false);
  });

  it('that registered but never asked for messages leaves', async () => {
    await presence.registered(bob.session.id);
    await wait(DETACH_GRACE_MS);
    expect(await isOnline()).toBe(false);
  });

  it('that comes back is there again', async () => {
    await presence.registered(bob.session.id);
    await wait(DETACH_GRACE_MS);
    await presence.hold(bob.session.id);
    expect(await isOnline()).toBe(true);
  });

  it('keeps its leases for as long as it is there', async () => {
    const ann = await world.join('ann');
    await world.send(ann, bob, 'hold me');
    await presence.hold(bob.session.id);
    await world.lease(bob);
    presence.leasing(bob.session.id);
    for (let passed = 0; passed < 3 * LEASE_MS; passed += 1_000) {
      world.pass(1_000);
      await wait(1_000);
    }
    expect(await world.texts(bob)).toEqual([]);
  });
});

describe('when the store cannot write', () => {
  it('a session that left is noted as soon as it can', async () => {
    await presence.registered(bob.session.id);
    broken.add('markDetached');
    await wait(DETACH_GRACE_MS);
    expect([await isOnline(), left]).toEqual([true, []]);
    await wait(DETACH_GRACE_MS);
    expect([await isOnline(), left]).toEqual([false, [bob.id]]);
  });

  it('a session that came back meanwhile stays', async () => {
    await presence.registered(bob.session.id);
    broken.add('markDetached');
    await wait(DETACH_GRACE_MS);
    await presence.hold(bob.session.id);
    await wait(60_000);
    expect([await isOnline(), left]).toEqual([true, []]);
  });

  it('a session that could not be noted as there is noted with its next request', async () => {
    await presence.registered(bob.session.id);
    await wait(DETACH_GRACE_MS);
    broken.add('markAttached');
    await expect(presence.hold(bob.session.id)).rejects.toMatchObject({ code: 'storage_full' });
    presence.release(bob.session.id);
    expect(await isOnline()).toBe(false);
    await presence.hold(bob.session.id);
    expect(await isOnline()).toBe(true);
  });
});
