/** One agent-peers installation for a test: a broker's port and files of its own, and the MCP servers that meet there. */
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withResolvers } from './harness/event-log.ts';
import type { McpServer } from './harness/mcp-server.ts';
import { createSandbox } from './rig.ts';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

export class Household {
  readonly #env: Readonly<Record<string, string>>;

  private constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** The broker that a session starts here ends with the test: its environment names the sandbox. */
  static async open(): Promise<Household> {
    const { root } = await createSandbox();
    return new Household({
      AGENT_PEERS_ENABLED: '1',
      AGENT_PEERS_HOME: join(root, 'agent-peers'),
      AGENT_PEERS_DB: join(root, 'agent-peers.db'),
      AGENT_PEERS_PORT: String(await freePort()),
    });
  }

  /** The product's MCP server for one client, as the peer of that name. */
  server(client: 'claude' | 'codex', name: string, extra: Readonly<Record<string, string>> = {}): McpServer {
    const script = join(DIST, `${client}-server.js`);
    if (!existsSync(script)) throw new Error(`${script} is not there: run \`npm run build\`.`);
    return { command: process.execPath, args: [script], env: { ...this.#env, PEER_NAME: name, ...extra } };
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  const listening = withResolvers<void>();
  server.once('error', listening.reject).listen(0, '127.0.0.1', () => listening.resolve());
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  const closed = withResolvers<void>();
  server.close(() => closed.resolve());
  await closed.promise;
  return port;
}
