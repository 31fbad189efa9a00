/** The test's own connection to Codex's app-server: JSON-RPC in WebSocket frames over the daemon's unix socket. */
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { EventLog, PATIENCE_MS, withResolvers } from './event-log.ts';

const RETRY_MS = 50;

/** What the app-server tells unasked. */
export interface Notification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

export class AppServer {
  readonly notifications = new EventLog<Notification>('app-server', (event) => JSON.stringify(event).slice(0, 300));
  readonly #answers = new EventLog<Answer>('app-server answers', (answer) => JSON.stringify(answer).slice(0, 300));
  readonly #socket: WebSocket;
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Answer & Notification;
      if (message.method === undefined) this.#answers.push(message);
      else this.notifications.push(message);
    });
    socket.on('close', () => {
      this.#answers.close('the app-server closed the connection');
      this.notifications.close('the app-server closed the connection');
    });
  }

  /** @param path of the daemon's socket, which appears a second or more after the terminal program */
  static async connect(path: string): Promise<AppServer> {
    const deadline = Date.now() + PATIENCE_MS;
    let socket = await open(path);
    while (!(socket instanceof WebSocket)) {
      if (Date.now() > deadline) throw new Error(`No app-server answers on ${path}.`, { cause: socket });
      await delay(RETRY_MS);
      socket = await open(path);
    }
    const server = new AppServer(socket);
    await server.ask('initialize', {
      clientInfo: { name: 'agent_peers_tests', title: 'agent-peers tests', version: '0' },
      capabilities: { experimentalApi: true },
    });
    socket.send(JSON.stringify({ method: 'initialized' }));
    return server;
  }

  /** @throws with the app-server's own words when it refuses */
  async ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await this.#answers.until((answer) => answer.id === id);
    if (error !== undefined) throw new Error(`${method}: ${error.message} (${error.code})`);
    return result;
  }

  close(): void {
    this.#socket.close();
  }
}

function open(path: string): Promise<WebSocket | Error> {
  const { promise, resolve } = withResolvers<WebSocket | Error>();
  // Codex's server does not take compressed frames.
  const socket = new WebSocket(`ws+unix://${path}:/`, { perMessageDeflate: false });
  socket.once('open', () => resolve(socket));
  socket.on('error', resolve);
  return promise;
}
