/** Starts a broker process. This module loads fast: a session that finds the port free uses it before anything else. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brokerEnv, type Env, type Location, readLocation } from './config.ts';
import { type ErrorBody, PeersError } from './errors.ts';
import { ensurePrivateFolder } from './secret.ts';

const START_TIMEOUT_MS = 15_000;

/** What a starting broker prints on its standard output, one JSON line. */
export type StartReport = { ready: true; pid: number } | { error: ErrorBody };

/** The broker's entry beside another entry file: `broker.ts` from source, `broker.js` once built. */
export function brokerEntryBeside(entryUrl: string): string {
  const self = fileURLToPath(entryUrl);
  return join(dirname(self), `broker${extname(self)}`);
}

/** Starts a broker process and waits until it, or the one that was faster, answers. */
export async function startBroker(entry: string, env: Env): Promise<number> {
  const location = readLocation(env);
  const child = spawn(process.execPath, [entry], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...brokerEnv(env),
      // resolved here: the broker runs in another directory
      AGENT_PEERS_PORT: String(location.port),
      AGENT_PEERS_HOME: location.home,
      AGENT_PEERS_DB: location.db,
    },
    cwd: '/',
  });
  try {
    const report = await new Promise<StartReport>((resolve, reject) => {
      let out = '';
      const timer = setTimeout(() => reject(startFailed('it did not report within 15 s')), START_TIMEOUT_MS);
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        out += chunk;
        const end = out.indexOf('\n');
        if (end < 0) return;
        clearTimeout(timer);
        try {
          resolve(JSON.parse(out.slice(0, end)) as StartReport);
        } catch (error) {
          reject(startFailed('it printed something else than its report', error));
        }
      });
      child.once('error', (error) => {
        clearTimeout(timer);
        reject(startFailed(error.message, error));
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        reject(startFailed(`it ended with ${signal ?? `code ${code}`}`));
      });
    });
    if ('error' in report) throw PeersError.fromBody(report.error);
    return report.pid;
  } finally {
    child.stdout.destroy();
    child.removeAllListeners();
    child.on('error', () => {});
    child.unref();
  }
}

function startFailed(what: string, cause?: unknown): PeersError {
  return new PeersError(
    'broker_unavailable',
    `The broker could not be started: ${what}.`,
    'Look at broker.log in ~/.agent-peers (or AGENT_PEERS_HOME), or run the broker by hand to see what it says.',
    { cause },
  );
}

/** Held by the process that is starting a broker. */
export function startLockPath({ home, port }: Location): string {
  return join(home, `starting-${port}`);
}

/**
 * Of several sessions that find no broker at once, one spends the time to start it; bind() would settle the race too,
 * but with a process for each.
 */
export class StartLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @returns undefined while another process has it; the lock of a process that died is taken over */
  static take(location: Location): StartLock | undefined {
    ensurePrivateFolder(location.home);
    const path = startLockPath(location);
    try {
      const fd = openSync(path, 'wx', 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return new StartLock(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (isHolderGone(path)) rmSync(path, { force: true });
    return undefined;
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

function isHolderGone(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // an empty file: its maker is just writing
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Starts a broker if nothing listens on the port, without asking who listens: that takes code which is still loading.
 * Whatever goes wrong here goes wrong again, and is told, when the session connects.
 */
export async function headStart(entry: string, env: Env): Promise<void> {
  const location = readLocation(env);
  if (!(await isPortFree(location.port))) return;
  const lock = StartLock.take(location);
  if (!lock) return;
  try {
    await startBroker(entry, env);
  } finally {
    lock.release();
  }
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const finish = (free: boolean) => {
      socket.destroy();
      resolve(free);
    };
    socket.once('connect', () => finish(false));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED'));
  });
}
