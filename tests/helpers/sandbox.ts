/** A place of its own for one test file: HOME, port, database, broker and sessions; all ended and removed afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BrokerClient } from '../../shared/client.ts';
import { type Location, readLocation } from '../../shared/config.ts';
import { startBroker } from '../../shared/start-broker.ts';
import { startLocks } from '../../shared/start-lock.ts';
import { McpClient } from './mcp-client.ts';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const DIST = process.env['AGENT_PEERS_TEST_DIST'] ?? join(ROOT, 'dist');

/** Runs the product from `dist/` under Node, or from source under Bun. */
export const RUNTIMES = {
  node: { command: process.execPath, entry: (name: string) => join(DIST, `${name}.js`) },
  bun: {
    command: join(ROOT, 'node_modules', 'bun', 'bin', 'bun.exe'),
    entry: (name: string) => join(ROOT, `${name}.ts`),
  },
} as const;
export type Runtime = keyof typeof RUNTIMES;

/** Below the ports that systems hand out by themselves, so that nobody gets it before the broker takes it. */
const PORTS = { first: 15_000, count: 15_000 };

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    const server = createServer();
    const listening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!listening) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export interface SessionSpec {
  readonly side?: 'claude' | 'codex';
  readonly name?: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly clientName?: string;
  readonly runtime?: Runtime;
}

export class Sandbox {
  readonly home: string;
  readonly env: Record<string, string>;
  readonly location: Location;
  readonly client: BrokerClient;
  readonly #children = new Set<ChildProcess>();
  readonly #brokers = new Set<number>();

  private constructor(home: string, env: Record<string, string>) {
    this.home = home;
    this.env = env;
    this.location = readLocation(env);
    this.client = new BrokerClient(this.location);
  }

  static async create(env: Record<string, string> = {}): Promise<Sandbox> {
    const home = mkdtempSync(join(tmpdir(), 'agent-peers-test-'));
    mkdirSync(join(home, 'work'));
    mkdirSync(join(home, 'tmp'));
    return new Sandbox(home, {
      HOME: home,
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      // a session that is killed may leave a folder there
      TMPDIR: join(home, 'tmp'),
      AGENT_PEERS_PORT: String(await freePort()),
      AGENT_PEERS_DISABLE_TAB_TITLE: '1',
      ...env,
    });
  }

  /** Starts the broker, or returns the one that runs. @returns its process id */
  async broker(runtime: Runtime = 'node'): Promise<number> {
    const pid = await startBroker(RUNTIMES[runtime].entry('broker'), this.env);
    this.#brokers.add(pid);
    return pid;
  }

  /** Starts any of the product's entries. */
  spawn(
    name: string,
    args: readonly string[] = [],
    options: { env?: Record<string, string>; cwd?: string; runtime?: Runtime } = {},
  ): ChildProcess {
    const { command, entry } = RUNTIMES[options.runtime ?? 'node'];
    return this.run(command, [entry(name), ...args], options);
  }

  /** Starts any program, in this sandbox's environment; it is ended with the sandbox. */
  run(
    command: string,
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; uid?: number; gid?: number } = {},
  ): ChildProcess {
    const { env, cwd = join(this.home, 'work'), ...user } = options;
    const child = spawn(command, args, {
      cwd,
      env: { ...this.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...user,
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** A session server with a client that has said initialize. */
  async session(spec: SessionSpec = {}): Promise<McpClient> {
    const side = spec.side ?? 'claude';
    const child = this.spawn(`${side}-server`, [], {
      env: { AGENT_PEERS_ENABLED: '1', ...(spec.name === undefined ? {} : { PEER_NAME: spec.name }), ...spec.env },
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(spec.runtime === undefined ? {} : { runtime: spec.runtime }),
    });
    const client = new McpClient(child);
    await client.initialize(spec.clientName ?? (side === 'claude' ? 'claude-code' : 'codex-mcp-client'));
    return client;
  }

  /** The broker that answers now; it is ended with the sandbox, whoever started it. */
  async brokerPid(): Promise<number> {
    const { pid } = await this.client.hello();
    this.#brokers.add(pid);
    return pid;
  }

  brokerLog(): string {
    const path = join(this.location.home, 'broker.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async close(): Promise<void> {
    await this.brokerPid().catch(() => undefined);
    const exits = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(exits);
    // a session may have begun to start a broker on its last breath, and died before it could say that it is done
    const starting = startLocks(this.location).length > 0;
    for (let i = 0; i < (starting ? 100 : 1); i += 1) {
      if (await this.brokerPid().catch(() => undefined)) break;
      if (starting) await delay(30);
    }
    for (const pid of this.#brokers) end(pid);
    this.client.close();
    // what was just ended may still have been making files
    rmSync(this.home, { recursive: true, force: true, maxRetries: 10 });
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
