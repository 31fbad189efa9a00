/**
 * Codex's app-server: the daemon behind its terminal. A message starts a turn in an idle thread or is steered into the
 * running one, as untrusted context, and its acceptance is proof. Facts about the protocol: Codex 0.169.0,
 * `codex app-server generate-ts --experimental`, checked with the real program.
 */
import { WebSocket } from 'ws';
import { VERSION } from '../../shared/version.ts';

const CALL_TIMEOUT_MS = 5_000;
/** Threads are read without their turns: an answer has some KB. */
const REPLY_MAX_BYTES = 8 * 1024 * 1024;

export type ThreadStatus =
  | { readonly type: 'idle' | 'notLoaded' | 'systemError' }
  | { readonly type: 'active'; readonly activeFlags: readonly string[] };

export interface Thread {
  readonly id: string;
  readonly status: ThreadStatus;
  readonly cwd: string;
  /** `exec` for `codex exec`, whose thread nobody may wake. */
  readonly source: string;
  readonly ephemeral: boolean;
  /** The thread that started this one, as its helper. */
  readonly parentThreadId: string | null;
}

/** The daemon understood and said no: nothing has happened. */
export class Refusal extends Error {}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly threadId?: string; readonly status?: ThreadStatus };
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Stands for an answer that the connection's end took away. */
const NO_ANSWER = 0;

/** One connection to the daemon. */
export class AppServer {
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, (reply: Reply) => void>();
  #lastId = 0;
  readonly closed: Promise<void>;

  private constructor(socket: WebSocket, onStatus: (threadId: string, status: ThreadStatus) => void) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const reply = readReply(String(data));
      // whatever listens there, it is not the daemon
      if (!reply) return this.close();
      if (reply.method === 'thread/status/changed' && reply.params?.threadId && reply.params.status) {
        onStatus(reply.params.threadId, reply.params.status);
      } else if (reply.id !== undefined && reply.method === undefined) {
        this.#calls.get(reply.id)?.(reply);
        this.#calls.delete(reply.id);
      }
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        for (const settle of this.#calls.values())
          settle({ error: { code: NO_ANSWER, message: 'the app-server closed the connection' } });
        this.#calls.clear();
        resolve();
      });
    });
  }

  /** @throws when no daemon answers there */
  static async connect(path: string, onStatus: (threadId: string, status: ThreadStatus) => void): Promise<AppServer> {
    const socket = new WebSocket(`ws+unix://${path}:/`, {
      perMessageDeflate: false,
      maxPayload: REPLY_MAX_BYTES,
      handshakeTimeout: CALL_TIMEOUT_MS,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(`app-server: ${error.code ?? 'refused'}`)));
    });
    const server = new AppServer(socket, onStatus);
    try {
      await server.call('initialize', {
        clientInfo: { name: 'agent_peers', title: 'agent-peers', version: VERSION },
        capabilities: { experimentalApi: true },
      });
      socket.send(JSON.stringify({ method: 'initialized' }));
      return server;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  /** @throws Refusal with the daemon's own words; another error when it did not answer within 5 s */
  call(method: string, params: object): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(new Error(`app-server: ${method} was not answered`));
      }, CALL_TIMEOUT_MS);
      this.#calls.set(id, ({ error, result }) => {
        clearTimeout(timer);
        const words = `app-server: ${method}: ${error?.message}`;
        if (error) reject(error.code === NO_ANSWER ? new Error(words) : new Refusal(words));
        else resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method, params }), (error) => {
        if (error) this.#calls.get(id)?.({ error: { code: NO_ANSWER, message: error.message } });
      });
    });
  }

  async readThread(threadId: string): Promise<Thread> {
    const { thread } = (await this.call('thread/read', { threadId, includeTurns: false })) as { thread: Thread };
    return thread;
  }

  /** The threads that somebody works with in this directory, Codex's own helpers left out. */
  async threadsIn(cwd: string): Promise<readonly Thread[]> {
    const { data } = (await this.call('thread/loaded/list', {})) as { data: readonly string[] };
    // one that is unloaded between the two calls is none any more
    const threads = await Promise.all(data.map((id) => this.readThread(id).catch(() => undefined)));
    return threads.filter(
      (thread) => thread !== undefined && thread.cwd === cwd && !thread.ephemeral && !thread.parentThreadId,
    ) as Thread[];
  }

  /** The turn that runs now; undefined in an idle thread. */
  async activeTurn(threadId: string): Promise<string | undefined> {
    const { data } = (await this.call('thread/turns/list', { threadId, limit: 1 })) as {
      data: readonly { id: string; status: string }[];
    };
    return data.find(({ status }) => status === 'inProgress')?.id;
  }

  close(): void {
    this.#socket.terminate();
  }
}

function readReply(text: string): Reply | undefined {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === 'object' && reply !== null ? reply : undefined;
  } catch {
    return undefined;
  }
}
