/**
 * A place apart, in which session servers are started and talk to each other: a port, a database and a folder of its
 * own, so that neither the user's peers nor their mail come near it. It is gone afterwards.
 */
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerClient } from '../../shared/client.ts';
import { readLocation } from '../../shared/config.ts';
import type { Io } from '../io.ts';
import { McpProbe, type ServerCommand } from './mcp-probe.ts';

const BROKER_START_MS = 5_000;
const BROKER_END_MS = 5_000;
const LOOK_MS = 50;

/** Nothing of the session that this command may itself run in, and nothing that would ask a model for a summary. */
const LEFT_OUT =
  /^(?:PEER_NAME|AGENT_PEERS_.*|CLAUDE_CODE_(?:SESSION_ID|MESSAGING_.*)|CLAUDECODE|.*_API_KEY|.*_AUTH_TOKEN)$/;

export class Lab {
  readonly folder: string;
  readonly port: number;
  readonly #sleep: Io['sleep'];
  readonly #probes: McpProbe[] = [];

  private constructor(folder: string, port: number, sleep: Io['sleep']) {
    this.folder = folder;
    this.port = port;
    this.#sleep = sleep;
  }

  static async open({ sleep }: Pick<Io, 'sleep'>): Promise<Lab> {
    const folder = await mkdtemp(join(tmpdir(), 'agent-peers-doctor-'));
    await mkdir(join(folder, 'project'));
    return new Lab(folder, await freePort(), sleep);
  }

  /** Starts a session server in here instead of where its own settings say. */
  start(server: ServerCommand, name: string): McpProbe {
    const probe = new McpProbe({
      ...server,
      env: { ...withoutOwn(server.env), ...this.#env, AGENT_PEERS_ENABLED: '1', PEER_NAME: name },
      cwd: join(this.folder, 'project'),
    });
    this.#probes.push(probe);
    return probe;
  }

  async close(): Promise<void> {
    // a session starts a broker as soon as it lives: one that is just starting would outlive this place
    await Promise.all(this.#probes.map((probe) => probe.callTool('whoami', {}, BROKER_START_MS).catch(() => {})));
    await Promise.all(this.#probes.map((probe) => probe.end()));
    await this.#stopBroker();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  get #env(): Record<string, string> {
    return {
      AGENT_PEERS_PORT: String(this.port),
      AGENT_PEERS_HOME: join(this.folder, 'home'),
      AGENT_PEERS_DB: join(this.folder, 'peers.db'),
      AGENT_PEERS_PUSH: 'none',
      AGENT_PEERS_DISABLE_TAB_TITLE: '1',
    };
  }

  /** The broker that the sessions started for themselves. */
  async #stopBroker(): Promise<void> {
    const client = new BrokerClient(readLocation(this.#env));
    try {
      await client.call('stopBroker', { reason: 'agent-peers doctor is done' });
      for (let waited = 0; waited < BROKER_END_MS; waited += LOOK_MS) {
        await client.hello();
        await this.#sleep(LOOK_MS);
      }
    } catch {
      // it is gone, or there never was one: what could not be started is told elsewhere
    } finally {
      client.close();
    }
  }
}

function withoutOwn(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !LEFT_OUT.test(name)));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}
