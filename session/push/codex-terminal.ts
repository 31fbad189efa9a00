/**
 * Whether a Codex terminal is open in a directory. After `/quit` the daemon keeps the thread for a minute, and a wake
 * would run a turn that nobody sees; the daemon itself does not tell whether a terminal is attached.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 2_000;

/** A terminal's process: codex itself, not its server, a one-shot run or another of its commands. */
function isTerminal(command: readonly string[]): boolean {
  const [program = ''] = command;
  const words = command.slice(1);
  return (
    /(?:^|\/)codex[^/]*$/.test(program) &&
    !words.some((word) => ['app-server', 'exec', 'e', 'mcp-server', 'queue', 'review', 'login'].includes(word))
  );
}

/** False where it cannot be told; the caller then waits until the daemon's own behaviour proves it. */
export async function hasTerminal(cwd: string): Promise<boolean> {
  try {
    return process.platform === 'linux' ? await onLinux(cwd) : await elsewhere(cwd);
  } catch {
    return false;
  }
}

async function onLinux(cwd: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter(Boolean);
        return isTerminal(command) && (await readlink(`/proc/${pid}/cwd`)) === cwd;
      } catch {
        return false; // it ended, or is another user's
      }
    }),
  );
  return found.includes(true);
}

async function elsewhere(cwd: string): Promise<boolean> {
  const { stdout } = await run('ps', ['-axo', 'pid=,command='], { timeout: TIMEOUT_MS });
  const pids = stdout.split('\n').flatMap((line) => {
    const [pid = '', ...command] = line.trim().split(/\s+/);
    return isTerminal(command) ? [pid] : [];
  });
  if (pids.length === 0) return false;
  const { stdout: open } = await run('lsof', ['-a', '-d', 'cwd', '-Fn', '-p', pids.join(',')], { timeout: TIMEOUT_MS });
  return open.split('\n').includes(`n${cwd}`);
}
