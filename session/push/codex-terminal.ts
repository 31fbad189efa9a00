/**
 * The Codex terminals that are open in a directory. After `/quit` the daemon keeps the thread for a minute, and a wake
 * would run a turn that nobody sees; the daemon itself does not tell whether a terminal is attached.
 */
import { execFile } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { readRegularFile } from '../../shared/read-file.ts';
import { SYSTEM_ENV } from '../../shared/system.ts';
import { COMMAND_MAX_BYTES, words } from './choose.ts';

const run = promisify(execFile);
const OPTIONS = { timeout: 2_000, env: SYSTEM_ENV };

/** A terminal's process: codex itself, not its server, a one-shot run or another of its commands. */
function isTerminal(command: readonly string[]): boolean {
  const [program = ''] = command;
  const words = command.slice(1);
  return (
    // also by the name of its download; not codex-linux-sandbox, as which it runs commands
    /(?:^|\/)codex(?:-(?:x86_64|aarch64)-[\w-]+)?$/.test(program) &&
    !words.some((word) => ['app-server', 'exec', 'e', 'mcp-server', 'queue', 'review', 'login'].includes(word))
  );
}

/** How many; 0 where it cannot be told. */
export async function terminalsIn(cwd: string): Promise<number> {
  try {
    return process.platform === 'linux' ? await onLinux(cwd) : await elsewhere(cwd);
  } catch {
    return 0;
  }
}

async function onLinux(cwd: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const command = words(await readRegularFile(`/proc/${pid}/cmdline`, COMMAND_MAX_BYTES));
        return isTerminal(command) && (await readlink(`/proc/${pid}/cwd`)) === cwd;
      } catch {
        return false; // it ended, or is another user's
      }
    }),
  );
  return found.filter(Boolean).length;
}

async function elsewhere(cwd: string): Promise<number> {
  const { stdout } = await run('ps', ['-axo', 'pid=,command='], OPTIONS);
  const pids = stdout.split('\n').flatMap((line) => {
    const [pid = '', ...command] = line.trim().split(/\s+/);
    return isTerminal(command) ? [pid] : [];
  });
  if (pids.length === 0) return 0;
  const { stdout: open } = await run('lsof', ['-a', '-d', 'cwd', '-Fn', '-p', pids.join(',')], OPTIONS);
  return open.split('\n').filter((line) => line === `n${cwd}`).length;
}
