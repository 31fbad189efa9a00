/** What a running process costs: resident memory and CPU time, read from outside it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * The CPU time that a process has used, on Linux only: elsewhere the system tells hundredths of a second at best, more
 * than an idle session uses in a minute. The per-thread counters are in nanoseconds, where `stat` counts ticks of 10 ms.
 * @param {number} pid
 * @returns {number | undefined} ms; undefined where the system does not tell
 */
export function cpuMs(pid) {
  if (process.platform !== 'linux') return undefined;
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // on-CPU time, time spent waiting for a CPU, slices
    ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  }
  // a kernel without these statistics writes zeros
  return ns === 0 ? undefined : ns / 1e6;
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
