/**
 * How much memory a session server holds once it has registered, answered a tool call, and come to rest. Most of that is
 * the runtime's own: a program that only waits for input is measured beside it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { memoryMiB } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

const SESSIONS = 3;
const SETTLE_MS = 5_000;
const BOUND_MIB = 55;
const BARE_PROGRAM = "process.stdin.on('data', () => {})";

/** @type {import('./support/bench.mjs').Measurement} */
export const memory = {
  name: 'memory',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    const broker = await sandbox.startBroker(bench.brokerFlags);
    const subjects = [];
    for (const { label, runtime, bare } of bench.eachRuntime) {
      const sessions = [];
      for (let i = 0; i < SESSIONS; i += 1) sessions.push(await sandbox.session(runtime, 'claude'));
      await Promise.all(sessions.map((session) => session.tool('list_peers')));
      subjects.push({
        what: `memory of a session, ${label}`,
        pids: sessions.map(({ pid }) => pid),
        bound: { median: BOUND_MIB },
      });
      if (!bare) continue;
      const { pid = 0 } = sandbox.spawn(runtime, ['-e', BARE_PROGRAM]);
      subjects.push({ what: `memory of a one-line program, ${label}`, pids: [pid], bound: {} });
    }
    await delay(SETTLE_MS);
    return [...subjects, { what: 'memory of the broker', pids: [broker], bound: {} }].flatMap(
      ({ what, pids, bound }) => {
        const read = pids.flatMap((pid) => memoryMiB(pid) ?? []);
        if (read.length === 0) return [];
        const own = read.flatMap((memory) => memory.own ?? []);
        return row(
          what,
          'MiB',
          read.map(({ rss }) => rss),
          bound,
          own.length === 0 ? undefined : `${Math.round(Math.min(...own))} of it not shared with other processes`,
        );
      },
    );
  },
};
