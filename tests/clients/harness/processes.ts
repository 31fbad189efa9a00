/** Ends processes by id, and finds those that clients left behind: daemons leave the tree they were started in. */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const TERM_GRACE_MS = 3_000;
const LOOK_MS = 25;

/**
 * Ends every process whose command line or environment names the folder. The folder's name is random, so nobody
 * else's process can; and a daemon, whose parent is gone, still carries it in its HOME.
 */
export async function endProcessesOf(folder: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = Date.now() + TERM_GRACE_MS;
    let left = await processesOf(folder);
    for (const pid of left) send(pid, signal);
    while (left.length > 0 && Date.now() < deadline) {
      await delay(LOOK_MS);
      left = left.filter(isAlive);
    }
  }
  const left = await processesOf(folder);
  if (left.length > 0) throw new Error(`Processes ${left.join(', ')} of ${folder} could not be ended.`);
}

async function processesOf(folder: string): Promise<number[]> {
  // BSD's `e` appends the environment to the command; macOS spells it `E`. Both need `ww` to not cut it off.
  const show = process.platform === 'darwin' ? 'axwwE' : 'axwwe';
  const { stdout } = await promisify(execFile)('ps', [show, '-o', 'pid=,command='], { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .split('\n')
    .filter((line) => line.includes(folder))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
