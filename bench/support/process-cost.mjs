/** What a running process costs: resident memory and CPU time, read from outside it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Begins to count the CPU time of a process, on Linux only: elsewhere the system tells hundredths of a second at best,
 * more than an idle session uses in a minute. The counters of the threads are in nanoseconds, where `stat` counts ticks
 * of 10 ms.
 * @param {number} pid
 * @returns {(() => number) | undefined} ms since then; undefined where the system does not tell
 */
export function cpuMeter(pid) {
  if (process.platform !== 'linux') return undefined;
  const start = threadTimes(pid);
  // a kernel without these statistics writes zeros
  if ([...start.values()].every((ns) => ns === 0)) return undefined;
  return () => {
    let ns = 0;
    // a thread that ended meanwhile is not counted: its counter went with it
    for (const [thread, now] of threadTimes(pid)) ns += now - (start.get(thread) ?? 0);
    return ns / 1e6;
  };
}

/**
 * @param {number} pid
 * @returns {Map<string, number>} ns on a CPU, by thread
 */
function threadTimes(pid) {
  const times = new Map();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // time on a CPU, time spent waiting for one, slices
    times.set(thread, Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  }
  return times;
}

/**
 * @param {number} pid
 * @returns {{ rss: number, own: number | undefined } | undefined} MiB; `own` without what is mapped from files, such as
 *   the runtime's program text, which all processes of that runtime share. Undefined where the system does not tell.
 */
export function memoryMiB(pid) {
  if (process.platform === 'linux') {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = (/** @type {string} */ field) => Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(status)?.[1]);
    return { rss: kib('VmRSS') / 1024, own: kib('RssAnon') / 1024 };
  }
  if (process.platform === 'win32') return undefined;
  const kib = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
  return { rss: kib / 1024, own: undefined };
}
