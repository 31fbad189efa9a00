/**
 * What everybody costs while nothing happens: a session nobody speaks to, and a broker that holds a hundred of them.
 * Runtimes wake up by themselves too: a program that only waits for input is measured beside the session.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { hold, register } from './support/idle-session.mjs';
import { cpuMeter } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

const SESSIONS = 3;
const HELD = 100;
const BOUND_MS = 5;
const BARE_PROGRAM = "process.stdin.on('data', () => {})";
/** After its start a runtime tidies its memory for a while. */
const SETTLE_MS = 20_000;
const WINDOW_MS = 60_000;

/** @type {import('./support/bench.mjs').Measurement} */
export const idleCpu = {
  name: 'idle-cpu',
  async measure(bench) {
    if (cpuMeter(process.pid) === undefined) return [];
    const crowd = await bench.sandbox();
    const broker = await crowd.startBroker(bench.brokerFlags);
    const leave = new AbortController();
    setMaxListeners(HELD, leave.signal);
    const tokens = [];
    for (let i = 0; i < HELD; i += 1) tokens.push(await register(crowd, `idle-${i}`));
    const held = Promise.all(tokens.map((token) => hold(crowd, token, leave.signal)));
    // one that fails is found at the end
    held.catch(() => {});

    const place = await bench.sandbox();
    await place.startBroker();
    const subjects = [];
    for (const { label, runtime, bare } of bench.eachRuntime) {
      const sessions = [];
      for (let i = 0; i < SESSIONS; i += 1) sessions.push(await place.session(runtime, 'claude'));
      await Promise.all(sessions.map((session) => session.tool('list_peers')));
      subjects.push({
        what: 'an idle session',
        label,
        pids: sessions.map(({ pid }) => pid),
        bound: { median: BOUND_MS },
      });
      if (!bare) continue;
      const { pid = 0 } = place.spawn(runtime, ['-e', BARE_PROGRAM]);
      subjects.push({ what: 'an idle one-line program', label, pids: [pid], bound: {} });
    }
    await delay(SETTLE_MS);

    const start = performance.now();
    const meters = new Map([broker, ...subjects.flatMap(({ pids }) => pids)].map((pid) => [pid, cpuMeter(pid)]));
    await delay(WINDOW_MS);
    const minutes = (performance.now() - start) / 60_000;
    const used = (/** @type {number} */ pid) => (meters.get(pid)?.() ?? Number.NaN) / minutes;
    const sessionRows = subjects.map(({ what, label, pids, bound }) =>
      row(`CPU of ${what} a minute, ${label}`, 'ms', pids.map(used), bound),
    );
    const brokerRow = row(`CPU of the broker with ${HELD} idle sessions`, '%', [used(broker) / 600], { median: 0.5 });

    leave.abort();
    await held;
    return [...sessionRows, brokerRow];
  },
};
