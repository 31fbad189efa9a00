/**
 * A place of its own for one demonstration or measurement: HOME, port, database, broker and sessions, all of them ended
 * and removed afterwards. Runs what was built, as a user would; the tests have a sandbox of their own for the sources.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { McpClient } from './mcp-client.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Longer than a broker takes to finish what is under way. */
const STOP_TIMEOUT_MS = 5_000;

/**
 * @typedef {'node' | 'bun'} RuntimeName
 * @typedef {{ command: string, entry(name: string): string }} Runtime
 * @typedef {import('node:child_process').ChildProcessWithoutNullStreams} Child
 */

/**
 * How the product is started: from the build under Node; from the build or from source under Bun, where that is installed.
 * @param {string} dist
 * @returns {{ node: Runtime, bun?: Runtime, bunFromSource?: Runtime }}
 */
export function findRuntimes(dist) {
  const built = (/** @type {string} */ name) => join(dist, `${name}.js`);
  const bun = join(ROOT, 'node_modules', 'bun', 'bin', 'bun.exe');
  return {
    node: { command: process.execPath, entry: built },
    ...(existsSync(bun)
      ? {
          bun: { command: bun, entry: built },
          bunFromSource: { command: bun, entry: (name) => join(ROOT, `${name}.ts`) },
        }
      : {}),
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export class Sandbox {
  /** @type {Set<Child>} */
  #children = new Set();
  /** @type {Set<number>} */
  #brokers = new Set();
  #closed = false;

  /**
   * @param {string} dist
   * @param {string} home
   * @param {Record<string, string>} env
   * @param {import('../../shared/client.ts').BrokerClient} client
   * @param {() => boolean} isStarting
   */
  constructor(dist, home, env, client, isStarting) {
    this.dist = dist;
    this.home = home;
    this.env = env;
    /** Speaks to the broker with the machine key. */
    this.client = client;
    /** Whether a session is starting a broker. */
    this.isStarting = isStarting;
  }

  /**
   * @param {string} dist
   * @param {Record<string, string>} [env] beside the place's own
   */
  static async create(dist, env = {}) {
    /** @type {typeof import('../../shared/client.ts')} */
    const { BrokerClient } = await import(pathToFileURL(join(dist, 'shared', 'client.js')).href);
    /** @type {typeof import('../../shared/config.ts')} */
    const { readLocation } = await import(pathToFileURL(join(dist, 'shared', 'config.js')).href);
    /** @type {typeof import('../../shared/start-lock.ts')} */
    const { startLocks } = await import(pathToFileURL(join(dist, 'shared', 'start-lock.js')).href);
    const home = mkdtempSync(join(tmpdir(), 'agent-peers-'));
    mkdirSync(join(home, 'work'));
    mkdirSync(join(home, 'tmp'));
    const own = {
      HOME: home,
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      // a session that is killed may leave a folder there
      TMPDIR: join(home, 'tmp'),
      AGENT_PEERS_PORT: String(await freePort()),
      AGENT_PEERS_DISABLE_TAB_TITLE: '1',
      ...env,
    };
    const location = readLocation(own);
    return new Sandbox(dist, home, own, new BrokerClient(location), () => startLocks(location).length > 0);
  }

  /**
   * @param {Runtime} runtime
   * @param {readonly string[]} args what the runtime is called with
   * @param {{ cwd?: string, env?: Record<string, string> }} [options]
   * @returns {Child}
   */
  spawn(runtime, args, { cwd = join(this.home, 'work'), env = {} } = {}) {
    const child = spawn(runtime.command, args, { cwd, env: { ...this.env, ...env }, stdio: 'pipe' });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /**
   * Starts the broker as a child of ours, so that it can be started with flags of the runtime.
   * @param {readonly string[]} [flags] of the runtime
   * @param {Runtime} [runtime]
   * @returns {Promise<number>} its process id
   */
  async startBroker(flags = [], runtime = findRuntimes(this.dist).node) {
    const child = this.spawn(runtime, [...flags, runtime.entry('broker')]);
    child.stderr.resume();
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the broker did not start: it ended with code ${code}`);
    });
    const [line] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), ended]);
    // its end is expected from now on
    ended.catch(() => {});
    const report = JSON.parse(line);
    if (!report.ready) throw new Error(`the broker did not start: ${line}`);
    child.stdout.resume();
    return report.pid;
  }

  /**
   * A session whose client has not said anything yet.
   * @param {Runtime} runtime
   * @param {'claude' | 'codex'} side
   * @param {{ name?: string, cwd?: string, env?: Record<string, string> }} [options]
   */
  connect(runtime, side, { name, cwd, env } = {}) {
    const child = this.spawn(runtime, [runtime.entry(`${side}-server`)], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { AGENT_PEERS_ENABLED: '1', ...(name === undefined ? {} : { PEER_NAME: name }), ...env },
    });
    return new McpClient(child);
  }

  /**
   * A session that has been initialized.
   * @param {Runtime} runtime
   * @param {'claude' | 'codex'} side
   * @param {{ name?: string, cwd?: string, env?: Record<string, string> }} [options]
   */
  async session(runtime, side, options) {
    const client = this.connect(runtime, side, options);
    await client.initialize(side === 'claude' ? 'claude-code' : 'codex-mcp-client');
    return client;
  }

  /** The broker that answers now, whoever started it; it is ended with the place. */
  async brokerPid() {
    const { pid } = await this.client.hello();
    this.#brokers.add(pid);
    return pid;
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    // sessions first: one that loses its broker starts another
    await this.brokerPid().catch(() => undefined);
    const brokers = [...this.#children].filter(({ pid }) => pid !== undefined && this.#brokers.has(pid));
    for (const child of [...this.#children]) {
      // one that lost another may have ended by itself meanwhile
      if (brokers.includes(child) || !this.#children.has(child)) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    // a session may have begun to start a broker on its last breath
    const starting = this.isStarting();
    for (let i = 0; i < (starting ? 100 : 1); i += 1) {
      if (await this.brokerPid().catch(() => undefined)) break;
      if (starting) await delay(30);
    }
    for (const pid of this.#brokers) await end(pid);
    await Promise.all(brokers.filter((child) => this.#children.has(child)).map((child) => once(child, 'exit')));
    this.client.close();
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10 });
  }
}

/**
 * Asks it to stop, which also lets it write its profile; then makes it.
 * @param {number} pid
 */
async function end(pid) {
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  /** @type {NodeJS.Signals | 0} */
  let signal = 'SIGTERM';
  try {
    for (;;) {
      process.kill(pid, signal);
      // not a child of ours, perhaps: no event tells when it is gone
      await delay(10);
      signal = performance.now() > deadline ? 'SIGKILL' : 0;
    }
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
  }
}
