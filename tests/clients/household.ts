/** One agent-peers installation for a test: a broker's port and files of its own, and the sessions that meet there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { BrokerClient } from '../../shared/client.ts';
import { readLocation } from '../../shared/config.ts';
import type { Delivery, MessageState, Peer, Receipt, Request } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import { McpClient } from '../helpers/mcp-client.ts';
import { receiptOf } from '../helpers/peer.ts';
import { freePort, RUNTIMES } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';
import type { McpServer } from './harness/mcp-server.ts';
import type { Sandbox } from './harness/sandbox.ts';
import { createSandbox } from './rig.ts';

type Side = 'claude' | 'codex';
type Env = Readonly<Record<string, string>>;

/**
 * Clients keep a server's standard error to themselves: the shell notes what the client gave the server to start with,
 * puts its standard error where the test can read it, and steps aside.
 */
const ENVIRONMENT = '.environment';
const RECORDED = ['/bin/sh', '-c', `env >"$SESSION_LOG${ENVIRONMENT}"; exec "$0" "$@" 2>>"$SESSION_LOG"`] as const;

const NOT_STARTED = new Set(['broker_unavailable', 'secret_missing']);

export class Household {
  readonly client: BrokerClient;
  readonly #sandbox: Sandbox;
  readonly #env: Env;

  private constructor(sandbox: Sandbox, env: Env) {
    this.#sandbox = sandbox;
    this.#env = env;
    this.client = new BrokerClient(readLocation(env));
  }

  /** The broker that a session starts here ends with the test: its environment names the sandbox. */
  static async open(): Promise<Household> {
    const sandbox = await createSandbox();
    const household = new Household(sandbox, {
      AGENT_PEERS_ENABLED: '1',
      AGENT_PEERS_HOME: join(sandbox.root, 'agent-peers'),
      AGENT_PEERS_DB: join(sandbox.root, 'agent-peers.db'),
      AGENT_PEERS_PORT: String(await freePort()),
    });
    onTestFinished(() => household.client.close());
    return household;
  }

  /** The product's MCP server for one client, as the peer of that name. */
  server(side: Side, name: string, extra: Env = {}): McpServer {
    const [command, ...args] = RECORDED;
    const env = { ...this.#env, PEER_NAME: name, SESSION_LOG: this.#logPath(name), ...extra };
    return { command, args: [...args, process.execPath, entry(side)], env };
  }

  /** The product's MCP server again, with the test itself as its client. */
  async peer(side: Side, name: string): Promise<McpClient> {
    const child: ChildProcess = spawn(process.execPath, [entry(side)], {
      cwd: this.#sandbox.project,
      env: this.#sandbox.env({ ...this.#env, PEER_NAME: name, AGENT_PEERS_DISABLE_TAB_TITLE: '1' }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const client = new McpClient(child);
    await client.initialize(side === 'claude' ? 'claude-code' : 'codex-mcp-client');
    return client;
  }

  /** Writes as the human operator. */
  async send(to: string, message: string, more: Partial<Request<'sendMessage'>> = {}): Promise<Receipt> {
    return receiptOf(await this.client.call('sendMessage', { to, message, ...more }));
  }

  async delivery(message_id: string): Promise<Delivery> {
    const { deliveries } = await this.client.call('messageStatus', { message_id });
    const [delivery] = deliveries;
    if (!delivery) throw new Error(`Message ${message_id} was sent to nobody.`);
    return delivery;
  }

  /** Waits until the message stands so. */
  reaches(state: MessageState, message_id: string): Promise<Delivery> {
    return until(
      async () => {
        const delivery = await this.delivery(message_id);
        return delivery.state === state && delivery;
      },
      { what: `message ${message_id} is ${state}` },
    );
  }

  /** Waits until the peer of that name is seen so by others; without a condition, until it is there. */
  async sees(name: string, matches: (peer: Peer) => boolean = () => true, within = 45_000): Promise<Peer> {
    let last: Peer | undefined;
    const look = async () => {
      last = (await this.#peers()).find((peer) => peer.name === name);
      return last?.online === true && matches(last) && last;
    };
    try {
      return await until(look, { within, what: `${name} is online and ${matches}` });
    } catch (error) {
      throw new Error(`${String(error)}; it is ${JSON.stringify(last)}; it logged:\n${this.log(name)}`);
    }
  }

  /** Waits until nobody serves the peer of that name any more. */
  async misses(name: string, within = 45_000): Promise<void> {
    const gone = async () => (await this.#peers()).every((peer) => peer.name !== name);
    await until(gone, { within, what: `${name} is offline` });
  }

  /** What the sessions of that name have logged. */
  log(name: string): string {
    return readIfThere(this.#logPath(name));
  }

  /** The environment that the client gave to the newest session of that name, as `NAME=value` lines. */
  environment(name: string): string {
    return readIfThere(this.#logPath(name) + ENVIRONMENT);
  }

  /** Waits until a session of that name has logged a line with this in it. */
  logged(name: string, text: string): Promise<string> {
    const line = () =>
      this.log(name)
        .split('\n')
        .find((one) => one.includes(text));
    return until(line, { within: 45_000, what: `${name} logs ${JSON.stringify(text)}` });
  }

  /** Everything that broker and sessions have written, by file: logs, database, credentials, secret. */
  written(): ReadonlyMap<string, string> {
    const names = readdirSync(this.#sandbox.root, { recursive: true, encoding: 'utf8' });
    const paths = names.filter((name) => !name.endsWith(ENVIRONMENT)).map((name) => join(this.#sandbox.root, name));
    return new Map(paths.filter((path) => statSync(path).isFile()).map((path) => [path, readFileSync(path, 'latin1')]));
  }

  async #peers(): Promise<readonly Peer[]> {
    try {
      return (await this.client.call('brokerStatus', {})).peers;
    } catch (error) {
      // the first session is still starting it
      if (error instanceof PeersError && NOT_STARTED.has(error.code)) return [];
      throw error;
    }
  }

  #logPath(name: string): string {
    return join(this.#sandbox.root, `${name}.log`);
  }
}

function entry(side: Side): string {
  const script = RUNTIMES.node.entry(`${side}-server`);
  if (!existsSync(script)) throw new Error(`${script} is not there: run \`npm run build\`.`);
  return script;
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
