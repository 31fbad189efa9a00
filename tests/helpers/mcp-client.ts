/** The client's end of a session's standard input and output: raw JSON-RPC, so that a test sees every message. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface RpcMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { code: number; message: string };
}

export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
  readonly structured: Record<string, unknown> | undefined;
}

interface Waiter {
  readonly matches: (message: RpcMessage) => boolean;
  readonly resolve: (message: RpcMessage) => void;
}

export class McpClient {
  readonly child: ChildProcess;
  /** Notifications of the server, in the order they came. */
  readonly notifications: RpcMessage[] = [];
  readonly #answers = new Map<number, (message: RpcMessage) => void>();
  readonly #waiters = new Set<Waiter>();
  stderr = '';
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.child = child;
    let rest = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#accept(JSON.parse(line) as RpcMessage);
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
    child.stdin?.on('error', () => {});
    // every request under way listens for the end
    child.setMaxListeners(0);
  }

  #accept(message: RpcMessage): void {
    if (message.method !== undefined) {
      this.notifications.push(message);
      for (const waiter of [...this.#waiters]) {
        if (!waiter.matches(message)) continue;
        this.#waiters.delete(waiter);
        waiter.resolve(message);
      }
    } else if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    }
  }

  write(message: object): void {
    this.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** Sends a request. `id` can be used to cancel it. */
  request(method: string, params: object = {}): { id: number; answer: Promise<RpcMessage> } {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<RpcMessage>((resolve, reject) => {
      this.#answers.set(id, resolve);
      this.child.once('exit', () => reject(new Error(`the session ended\n${this.stderr}`)));
    });
    this.write({ id, method, params });
    return { id, answer };
  }

  async initialize(name: string, version = '1.0.0'): Promise<RpcMessage> {
    const { answer } = this.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name, version },
    });
    const result = await answer;
    this.write({ method: 'notifications/initialized' });
    return result;
  }

  /** Calls a tool and returns what the model would get. */
  async tool(name: string, args: object = {}, meta?: object): Promise<ToolAnswer> {
    const { answer } = this.request('tools/call', { name, arguments: args, ...(meta ? { _meta: meta } : {}) });
    return readAnswer(await answer);
  }

  /** The first notification that matches, also one that came before. */
  notification(matches: (message: RpcMessage) => boolean): Promise<RpcMessage> {
    const known = this.notifications.find(matches);
    if (known) return Promise.resolve(known);
    return new Promise((resolve) => this.#waiters.add({ matches, resolve }));
  }

  /** The channel event whose text contains this. */
  async channelEvent(text: string): Promise<{ content: string; meta: Record<string, string> }> {
    const { params } = await this.notification(
      ({ method, params: p }) => method === 'notifications/claude/channel' && String(p?.['content']).includes(text),
    );
    return params as unknown as { content: string; meta: Record<string, string> };
  }

  /** Ends the session as a client does, by closing its standard input. */
  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.stdin?.end();
    await exit;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    await exit;
  }
}

export function readAnswer(message: RpcMessage): ToolAnswer {
  if (message.error) throw new Error(`${message.error.code} ${message.error.message}`);
  const result = message.result as {
    content: { text: string }[];
    isError?: boolean;
    structuredContent?: Record<string, unknown>;
  };
  return {
    text: result.content.map(({ text }) => text).join('\n'),
    isError: result.isError === true,
    structured: result.structuredContent,
  };
}
