/** The broker's housekeeping: gives up sessions that stay away, forgets what was kept long enough. */
import { ORPHAN_GRACE_MS, SESSION_EXPIRY_MS } from '../shared/limits.ts';
import type { Auth } from './auth.ts';
import type { Deps } from './deps.ts';

const SWEEP_MS = 60_000;
const RETENTION_MS = 60 * 60_000;
const ENDED_SESSIONS_MS = 24 * 60 * 60_000;

/** Runs until the signal aborts. */
export function startHousekeeping(deps: Deps, auth: Auth): void {
  const { store, clock, config, bus, newestRequests, rate, log, stopping } = deps;
  let lastRetention = Number.NEGATIVE_INFINITY;
  let running = false;

  const sweep = async () => {
    const now = clock.now();
    rate.prune(clock.monotonic());
    for (const session_id of await store.endDetachedBefore(now - SESSION_EXPIRY_MS, now)) {
      auth.forget(session_id);
      newestRequests.forget(session_id);
      bus.publish({ kind: 'session-ended', session_id });
    }
    if (clock.monotonic() - lastRetention < RETENTION_MS) return;
    lastRetention = clock.monotonic();
    const rows = await store.applyRetention({
      undelivered_before: now - config.undeliveredMs,
      absent_before: now - ORPHAN_GRACE_MS,
      confirmed_before: now - config.historyMs,
      orphaned_before: now - config.undeliveredMs - config.orphanMs,
      peers_before: now - config.peerMs,
      sessions_before: now - ENDED_SESSIONS_MS,
    });
    if (rows > 0) log.info({ rows }, 'retention applied');
  };
  const run = async () => {
    if (running) return;
    running = true;
    try {
      await sweep();
    } catch (error) {
      log.error({ err: error }, 'housekeeping failed');
    } finally {
      running = false;
    }
  };
  const timer = setInterval(() => void run(), SWEEP_MS);
  timer.unref();
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
  void run();
}
