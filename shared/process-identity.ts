/** Which process a number stands for: the number of one that ended is given to another. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SYSTEM_ENV } from './system.ts';

const PS_TIMEOUT_MS = 2_000;

/** Whether there is a process with this number, of whichever user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Digits that differ from those of every other process with this number; empty where the system does not tell them. */
export function startOf(pid: number): string {
  return readStart(pid) ?? '';
}

/** Whether the process that had this number and this {@link startOf} still runs; by its number alone where that is empty. */
export function isStillRunning(pid: number, start: string): boolean {
  if (!isRunning(pid)) return false;
  const now = start === '' ? undefined : readStart(pid);
  return now === undefined || now === start;
}

/** @returns undefined where the system does not tell; empty where the process has ended */
function readStart(pid: number): string | undefined {
  // wall-clock times that ps computes on Linux change when the clock is set; the kernel's count of ticks does not
  return process.platform === 'linux' ? ticksAtStart(pid) : timeAtStart(pid);
}

function ticksAtStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // the second field is the program's name in brackets, and may itself hold blanks and brackets
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? '' : fields[18];
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : undefined;
  }
}

function timeAtStart(pid: number): string | undefined {
  try {
    const options = { env: { ...SYSTEM_ENV, TZ: 'UTC' }, encoding: 'utf8', timeout: PS_TIMEOUT_MS } as const;
    const time = Date.parse(`${execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim()} UTC`);
    return Number.isNaN(time) ? undefined : String(time);
  } catch {
    return undefined;
  }
}
