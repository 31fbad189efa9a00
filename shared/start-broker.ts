/** Starts a broker process. This module loads fast: a session that finds the port free uses it before anything else. */
import { spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brokerEnv, type Env, readLocation } from './config.ts';
import { type ErrorBody, PeersError } from './errors.ts';
import { StartLock } from './start-lock.ts';

/** Less than a start lock lasts. */
const START_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 3_000;

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
    const socket = createConnection({ port, host: '127.0.0.1', timeout: CONNECT_TIMEOUT_MS });
    const finish = (free: boolean) => {
      socket.destroy();
      resolve(free);
    };
    socket.once('connect', () => finish(false));
    socket.once('timeout', () => finish(false));
    socket.once('error', (error: NodeJS.ErrnoException) => finish(error.code === 'ECONNREFUSED'));
  });
}
