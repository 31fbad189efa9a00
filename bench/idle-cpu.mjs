/** What everybody costs while nothing happens: a session nobody speaks to, and a broker that holds a hundred of them. */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { hold, register } from './support/idle-session.mjs';
import { cpuMs } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

const SESSIONS = 3;
const HELD = 100;
/** After its start a runtime tidies its memory for a while. */
const SETTLE_MS = 20_000;
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
    const tokens = [];
    for (let i = 0; i < HELD; i += 1) tokens.push(await register(crowd, `idle-${i}`));
    const held = Promise.all(tokens.map((token) => hold(crowd, token, leave.signal)));
    // one that fails is found at the end
    held.catch(() => {});

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
    await held;
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
