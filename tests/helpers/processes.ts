/** Processes of this machine. */
import { execFileSync } from 'node:child_process';

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // an orphan that has ended stays in the table until its new parent looks
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()[0] !== 'Z';
  } catch {
    return false;
  }
}
