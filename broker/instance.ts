/**
 * This broker among those on its database: it has a row and a heartbeat, and takes over the sessions of those that are
 * dead. On one machine that is the broker before it; in a network there may be several.
 */
import { isRunning } from '../shared/process-identity.ts';
import type { Deps } from './deps.ts';
import { every } from './housekeeping.ts';
import { tellWatchers } from './idle-watch.ts';
import type { Unit } from './store/store.ts';

const BEAT_MS = 5_000;
/** A broker that was silent for so long is dead, or its machine is as good as that. */
const DEAD_MS = 20_000;

/** Takes its place; whoever was attached to a broker that is dead has to attach again. */
export async function startInstance(deps: Pick<Deps, 'store' | 'ids' | 'host' | 'instance_id'>): Promise<void> {
  const { store, host, instance_id } = deps;
  await store.write(async (u) => {
    await bury(u, deps, await deadOnes(u, host));
    await u.instances.start({ id: instance_id, host: host, pid: process.pid });
  });
}

/** Goes in an orderly way: its sessions have to attach elsewhere. */
export async function stopInstance({
  store,
  ids,
  instance_id,
}: Pick<Deps, 'store' | 'ids' | 'instance_id'>): Promise<void> {
  await store.write((u) => bury(u, { ids }, [instance_id]));
}

/** Says that it lives, and looks for those that do not, until the broker stops. */
export function keepInstance(deps: Deps): void {
  const { store, host, presence, log, instance_id } = deps;
  every(deps, BEAT_MS, async () => {
    const alive = await store.note(async (u) => {
      const beaten = await u.instances.beat();
      if (!beaten) await u.instances.start({ id: instance_id, host: host, pid: process.pid });
      return beaten;
    });
    if (!alive) {
      log.warn('this broker was silent for so long that others took it for dead');
      await presence.attachAgain();
    }
    if ((await store.read((u) => deadOnes(u, host))).length > 0)
      await store.write(async (u) => bury(u, deps, await deadOnes(u, host)));
  });
}

async function deadOnes(u: Unit, host: string): Promise<string[]> {
  const silent = await u.instances.silentSince(u.now - DEAD_MS);
  const here = (await u.instances.onHost(host)).filter(({ id, pid }) => id !== u.instance_id && !isRunning(pid));
  return [...new Set([...silent, ...here.map(({ id }) => id)])];
}

async function bury(u: Unit, { ids }: Pick<Deps, 'ids'>, instance_ids: readonly string[]): Promise<void> {
  if (instance_ids.length === 0) return;
  for (const peer_id of await u.sessions.detachAllOf(instance_ids)) await tellWatchers(u, peer_id, 'offline', ids);
  for (const id of instance_ids) await u.instances.remove(id);
}
