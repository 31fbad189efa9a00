/** Stands in for Codex's app-server with one thread: what the real one was seen to do, as far as a push route sees it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ThreadStatus } from '../../session/push/app-server.ts';

interface Call {
  readonly id?: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export const THREAD = 'thread-1';
export const CWD = '/home/dev/project';

export class FakeAppServer {
  /** Methods that clients called, oldest first. */
  readonly calls: string[] = [];
  status: ThreadStatus = { type: 'idle' };
  /** The id of the turn that runs, as a client that looks now is told. */
  turn: string | undefined;
  /** How often a turn is refused although the look before allowed it. */
  refusals = 0;
  /** Loaded threads of the same folder beside the one. */
  others = 0;
  readonly #http = createServer();
  readonly #sockets = new Set<WebSocket>();

  static async listen(path: string): Promise<FakeAppServer> {
    const server = new FakeAppServer();
    const sockets = new WebSocketServer({ server: server.#http, perMessageDeflate: false });
    sockets.on('connection', (socket) => {
      server.#sockets.add(socket);
      socket.on('message', (data) => server.#answer(socket, JSON.parse(String(data)) as Call));
    });
    server.#http.listen(path);
    await once(server.#http, 'listening');
    return server;
  }

  /** The thread changes, and everybody connected is told. */
  becomes(status: ThreadStatus): void {
    this.status = status;
    this.turn = status.type === 'active' ? (this.turn ?? 'turn-of-the-user') : undefined;
    this.#announce();
  }

  close(): void {
    for (const socket of this.#sockets) socket.terminate();
    this.#http.close();
  }

  #announce(): void {
    const note = { method: 'thread/status/changed', params: { threadId: THREAD, status: this.status } };
    for (const socket of this.#sockets) socket.send(JSON.stringify(note));
  }

  #answer(socket: WebSocket, { id, method }: Call): void {
    if (id === undefined) return;
    this.calls.push(method);
    const refused = method.startsWith('turn/') && this.refusals > 0;
    if (refused) {
      this.refusals -= 1;
      // the turn ended between the look and the call
      this.turn = undefined;
      socket.send(JSON.stringify({ id, error: { code: -32600, message: 'no such active turn' } }));
      return;
    }
    socket.send(JSON.stringify({ id, result: this.#result(method) }));
  }

  #result(method: string): object {
    switch (method) {
      case 'thread/loaded/list':
        return {
          data: [
            ...(this.status.type === 'notLoaded' ? [] : [THREAD]),
            ...Array.from({ length: this.others }, (_, i) => `other-${i}`),
          ],
        };
      case 'thread/read':
        return {
          thread: {
            id: THREAD,
            status: this.status,
            cwd: CWD,
            source: 'vscode',
            ephemeral: false,
            parentThreadId: null,
          },
        };
      case 'thread/turns/list':
        return { data: this.turn === undefined ? [] : [{ id: this.turn, status: 'inProgress' }] };
      case 'turn/start':
        this.turn = 'turn-of-a-peer';
        this.becomes({ type: 'active', activeFlags: [] });
        return { turn: { id: this.turn } };
      default:
        return {};
    }
  }
}
