/** Runs a program that may hang, or print without end, for what it prints. */
import { spawn } from 'node:child_process';

export interface LimitedRun {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds after which it is killed. */
  readonly ms: number;
  /** As much of its standard output is read; then it is killed. */
  readonly bytes: number;
}

/**
 * The program gets a process group of its own, and the whole group is killed at the limits, at the end of the program
 * and at the end of this process: what it has started itself does not outlive it, nor is anybody held up by it.
 * @returns what it printed, cut off after `bytes`; undefined where it failed, is not there or took too long
 */
export function outputOf(
  program: string,
  args: readonly string[],
  { cwd, env, ms, bytes }: LimitedRun,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const hasGroups = process.platform !== 'win32';
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'ignore'], detached: hasGroups });
    const chunks: Buffer[] = [];
    let length = 0;
    const kill = () => {
      if (child.pid === undefined) return; // it never started
      try {
        if (hasGroups) process.kill(-child.pid, 'SIGKILL');
        else child.kill('SIGKILL');
      } catch {
        // nobody of the group is left
      }
    };
    let finished = false;
    const finish = (succeeded: boolean) => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      process.off('exit', kill);
      kill();
      // a process that left the group may still hold the other end
      child.stdout.destroy();
      resolve(succeeded ? Buffer.concat(chunks, length).toString('utf8') : undefined);
    };
    const timer = setTimeout(() => finish(false), ms);
    process.once('exit', kill);
    child.stdout.on('data', (chunk: Buffer) => {
      const taken = chunk.subarray(0, bytes - length);
      chunks.push(taken);
      length += taken.length;
      if (length >= bytes) finish(true);
    });
    child.once('error', () => finish(false));
    child.once('close', (code) => finish(code === 0));
  });
}
