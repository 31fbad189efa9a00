/** What everybody costs while nothing happens: a session nobody speaks to, and a broker that holds a hundred of them. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { attach } from './support/idle-session.mjs';
import { cpuMs } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

const SESSIONS = 2;
const HELD = 100;
const SETTLE_MS = 5_000;
/** One whole round of the held request, which is asked anew within a minute. */
const WINDOW_MS = 60_000;

/** @type {import('./support/bench.mjs').Measurement} */
export const idleCpu = {
  name: 'idle-cpu',
  async measure(bench) {
    if (cpuMs(process.pid) === undefined) return [];
    const crowd = await bench.sandbox();
    const broker = await crowd.startBroker(bench.brokerFlags);
    const leave = new AbortController();
    setMaxListeners(HELD, leave.signal);
    const held = Array.from({ length: HELD }, (_, i) => attach(crowd, `idle-${i}`, leave.signal));

    const place = await bench.sandbox();
    await place.startBroker();
    const subjects = [];
    for (const { label, runtime } of bench.eachRuntime) {
      const sessions = [];
      for (let i = 0; i < SESSIONS; i += 1) sessions.push(await place.session(runtime, 'claude'));
      await Promise.all(sessions.map((session) => session.tool('list_peers')));
      subjects.push({ label, pids: sessions.map(({ pid }) => pid) });
    }
    await delay(SETTLE_MS);

    const pids = [broker, ...subjects.flatMap((subject) => subject.pids)];
    const before = new Map(pids.map((pid) => [pid, cpuMs(pid) ?? 0]));
    const start = performance.now();
    await delay(WINDOW_MS);
    const minutes = (performance.now() - start) / 60_000;
    const used = new Map(pids.map((pid) => [pid, ((cpuMs(pid) ?? 0) - (before.get(pid) ?? 0)) / minutes]));

    leave.abort();
    await Promise.all(held);
    return [
      ...subjects.map(({ label, pids: own }) =>
        row(
          `CPU of an idle session a minute, ${label}`,
          'ms',
          own.map((pid) => used.get(pid) ?? 0),
          { median: 5 },
        ),
      ),
      row(`CPU of the broker with ${HELD} idle sessions`, '%', [(used.get(broker) ?? 0) / 600], { median: 0.5 }),
    ];
  },
};
