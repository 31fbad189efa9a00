/** A broker as a child process of the test, which sees its report and its exit code. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { StartReport } from '../../shared/start-broker.ts';

/** The one line that a starting broker prints. */
export async function startReport(child: ChildProcess): Promise<StartReport> {
  if (!child.stdout) throw new Error('no standard output');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the broker ended with ${code} and no report`);
    }),
  ])) as [string];
  return JSON.parse(line) as StartReport;
}

/** The code of the error that a broker reports instead of starting, with its text. */
export async function startFailure(child: ChildProcess): Promise<{ code: string; text: string; exit: number | null }> {
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const report = await startReport(child);
  if (!('error' in report)) {
    child.kill('SIGKILL');
    throw new Error('the broker started');
  }
  const { code, message, hint } = report.error;
  return { code, text: `${message} ${hint}`, exit: (await exit)[0] };
}

/** Waits for the end of a process. @returns its exit code; null where a signal ended it */
export async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** Where there is no /proc: prints the environment behind the command line. */
const LIST_PROCESSES = { program: 'ps', args: ['-axEww', '-o', 'pid=,command='] };

/** Processes of this user with this variable in their environment and this in their command line. */
export function processesWith(variable: string, commandPart: string): number[] {
  if (!existsSync('/proc/self/environ')) {
    const listed = execFileSync(LIST_PROCESSES.program, LIST_PROCESSES.args, { encoding: 'utf8' }).split('\n');
    const ours = listed.filter((line) => line.includes(`${variable} `) && line.includes(commandPart));
    return ours.map((line) => Number.parseInt(line, 10));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return environment.includes(variable) && command.includes(commandPart) ? [Number(pid)] : [];
      } catch {
        return []; // it ended meanwhile, or belongs to somebody else
      }
    });
}
