/** What the broker does by itself: gives up sessions that stay away, tells of orphans, forgets what was kept long enough. */
import { ORPHAN_GRACE_MS, SESSION_EXPIRY_MS } from '../shared/limits.ts';
import type { Deps } from './deps.ts';

const SWEEP_MS = 60_000;
const ORPHANS_MS = 5_000;
const RETENTION_MS = 60 * 60_000;
const ENDED_SESSIONS_MS = 24 * 60 * 60_000;
const EVENTS_MS = 24 * 60 * 60_000;

/** Runs until the signal aborts. */
export function startHousekeeping(deps: Deps): void {
  const { store, clock, config, rate, log } = deps;
  let lastRetention = Number.NEGATIVE_INFINITY;

  every(deps, SWEEP_MS, async () => {
    const now = clock.now();
    rate.prune(clock.monotonic());
    await store.write((u) => u.sessions.endDetachedBefore(now - SESSION_EXPIRY_MS));
    if (clock.monotonic() - lastRetention < RETENTION_MS) return;
    lastRetention = clock.monotonic();
    const rows = await store.write((u) =>
      u.retention.apply({
        undelivered_before: now - config.undeliveredMs,
        absent_before: now - ORPHAN_GRACE_MS,
        confirmed_before: now - config.historyMs,
        orphaned_before: now - config.undeliveredMs - config.orphanMs,
        peers_before: now - config.peerMs,
        sessions_before: now - ENDED_SESSIONS_MS,
        events_before: now - EVENTS_MS,
      }),
    );
    if (rows > 0) log.info({ rows }, 'retention applied');
  });

  every(deps, ORPHANS_MS, async () => {
    if (await store.read((u) => u.orphans.hasUntold())) await store.note((u) => u.orphans.tell());
  });
}

/** Runs it now and then, one run at a time, until the broker stops. */
export function every({ stopping, log }: Pick<Deps, 'stopping' | 'log'>, ms: number, work: () => Promise<void>): void {
  let running = false;
  const run = async () => {
    if (running || stopping.aborted) return;
    running = true;
    try {
      await work();
    } catch (error) {
      log.error({ err: error }, 'housekeeping failed');
    } finally {
      running = false;
    }
  };
  const timer = setInterval(() => void run(), ms);
  timer.unref();
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
  void run();
}
