/** Presence keeps the store true to the connections there are, also when the store fails now and then. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomIds } from '../../broker/clock.ts';
import { Presence } from '../../broker/presence.ts';
import type { Engine } from '../../broker/store/store.ts';
import { PeersError } from '../../shared/errors.ts';
import { DETACH_GRACE_MS, LEASE_MS } from '../../shared/limits.ts';
import { sqliteHost } from '../store/sqlite-host.ts';
import { type Member, World } from '../store/world.ts';

let world: World;
let bob: Member;
let presence: Presence;
/** The store refuses so many transactions from now on. */
let refused: number;
/** Peers that left since the test began. */
let left: string[];

/** The same database, which refuses to write while `refused` says so. */
function refusing(engine: Engine): Engine {
  return {
    engine: engine.engine,
    lanes: engine.lanes,
    transaction: async (durable, work) => {
      if (refused > 0) {
        refused -= 1;
        throw new PeersError('storage_full', 'The disk is full.', 'Free some space.');
      }
      return engine.transaction(durable, work);
    },
    isPassing: (error) => engine.isPassing(error),
    read: (look) => engine.read(look),
    fail: (thrown) => engine.fail(thrown),
    facts: () => engine.facts(),
    close: () => engine.close(),
  };
}

beforeEach(async () => {
  refused = 0;
  const host = sqliteHost();
  world = await World.create({ ...host, open: async (now) => refusing(await host.open(now)) });
  bob = await world.join('bob');
  left = [];
  world.store.onCommit(({ events }) => {
    for (const { kind, peer_id } of events) if (kind === 'peer.offline') left.push(peer_id);
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  presence = new Presence({ store: world.store, ids: randomIds, log: pino({ level: 'silent' }) });
});
afterEach(async () => {
  presence.close();
  vi.useRealTimers();
  await world.end();
});

async function isOnline(): Promise<boolean | undefined> {
  return (await world.findPeer('bob'))?.online;
}

/** Lets timers run as if the time had passed, and what they started come to its end. */
async function wait(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  // what was submitted begins, and this waits for its transaction
  await new Promise(setImmediate);
  await world.counts();
}

describe('a session', () => {
  it('is there while it holds a request, and for two seconds after', async () => {
    await presence.hold(bob.session);
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
    await presence.hold(bob.session);
    for (let i = 0; i < 5; i += 1) {
      presence.release(bob.session.id);
      await wait(DETACH_GRACE_MS - 1);
      await presence.hold(bob.session);
    }
    await wait(60_000);
    expect([await isOnline(), left]).toEqual([true, []]);
  });

  it('with two requests is there until both ended', async () => {
    await presence.hold(bob.session);
    await presence.hold(bob.session);
    presence.release(bob.session.id);
    await wait(60_000);
    expect(await isOnline()).toBe(true);
    presence.release(bob.session.id);
    await wait(DETACH_GRACE_MS);
    expect(await isOnline()).toBe(false);
  });

  it('that registered but never asked for messages leaves', async () => {
    presence.registered(bob.session, world.attachmentOf(bob));
    await wait(DETACH_GRACE_MS);
    expect(await isOnline()).toBe(false);
  });

  it('that comes back is there again', async () => {
    presence.registered(bob.session, world.attachmentOf(bob));
    await wait(DETACH_GRACE_MS);
    await presence.hold(bob.session);
    expect(await isOnline()).toBe(true);
  });

  it('keeps its leases for as long as it is there', async () => {
    const ann = await world.join('ann');
    await world.send(ann, bob, 'hold me');
    await presence.hold(bob.session);
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
    presence.registered(bob.session, world.attachmentOf(bob));
    refused = 1;
    await wait(DETACH_GRACE_MS);
    expect([await isOnline(), left]).toEqual([true, []]);
    await wait(DETACH_GRACE_MS);
    expect([await isOnline(), left]).toEqual([false, [bob.id]]);
  });

  it('a session that came back meanwhile stays', async () => {
    presence.registered(bob.session, world.attachmentOf(bob));
    refused = 1;
    await wait(DETACH_GRACE_MS);
    await presence.hold(bob.session);
    await wait(60_000);
    expect([await isOnline(), left]).toEqual([true, []]);
  });

  it('a session that could not be noted as there is noted with its next request', async () => {
    presence.registered(bob.session, world.attachmentOf(bob));
    await wait(DETACH_GRACE_MS);
    refused = 1;
    await expect(presence.hold(bob.session)).rejects.toMatchObject({ code: 'storage_full' });
    presence.release(bob.session.id);
    expect(await isOnline()).toBe(false);
    await presence.hold(bob.session);
    expect(await isOnline()).toBe(true);
  });
});
