/** How much memory a session server holds once it has registered, answered a tool call, and come to rest. */
import { setTimeout as delay } from 'node:timers/promises';
import { memoryMiB } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

const SESSIONS = 3;
const SETTLE_MS = 5_000;
const BOUND_MIB = 55;

/** @type {import('./support/bench.mjs').Measurement} */
export const memory = {
  name: 'memory',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    const broker = await sandbox.startBroker(bench.brokerFlags);
    const subjects = [];
    for (const { label, runtime } of bench.eachRuntime) {
      const sessions = [];
      for (let i = 0; i < SESSIONS; i += 1) sessions.push(await sandbox.session(runtime, 'claude'));
      await Promise.all(sessions.map((session) => session.tool('list_peers')));
      subjects.push({ label, pids: sessions.map(({ pid }) => pid) });
    }
    await delay(SETTLE_MS);
    const rows = subjects.map(({ label, pids }) => ({ what: `memory of a session, ${label}`, pids, bound: BOUND_MIB }));
    return [...rows, { what: 'memory of the broker', pids: [broker], bound: undefined }].flatMap(
      ({ what, pids, bound }) => {
        const read = pids.flatMap((pid) => memoryMiB(pid) ?? []);
        if (read.length === 0) return [];
        const own = read.flatMap((memory) => memory.own ?? []);
        return row(
          what,
          'MiB',
          read.map(({ rss }) => rss),
          bound === undefined ? {} : { median: bound },
          own.length === 0 ? undefined : `${Math.round(Math.min(...own))} of it not shared with other processes`,
        );
      },
    );
  },
};
