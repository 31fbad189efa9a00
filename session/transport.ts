/**
 * The session's standard input and output as an MCP transport. It answers `initialize` by itself, within
 * milliseconds of the process's start, while the protocol library still loads; that library gets the same request
 * afterwards, and its own answer to it is dropped. This module imports nothing that takes time.
 */
import type { Readable, Writable } from 'node:stream';
import { INTERNAL_ERROR, METHOD_NOT_FOUND, type Message, type RequestId, readLine } from './json-rpc.ts';

export interface TransportOptions {
  readonly input: Readable;
  readonly output: Writable;
  /** The result of `initialize`, from its params. */
  initialize(params: Record<string, unknown>): object;
}

/** Fits the protocol library's `Transport`. */
export class StdioTransport {
  onmessage?: (message: never) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;

  /** Resolves when the client has said initialize and has its answer, or is gone. */
  readonly greeted: Promise<void>;
  #greet: () => void = () => {};
  readonly #options: TransportOptions;
  readonly #waiting: Message[] = [];
  readonly #watchers: ((message: Message) => void)[] = [];
  #rest = '';
  #started = false;
  #closed = false;
  #answered: RequestId | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.greeted = new Promise((resolve) => {
      this.#greet = resolve;
    });
    options.input.setEncoding('utf8');
    options.input.on('data', (chunk: string) => this.#read(chunk));
    options.input.on('end', () => void this.close());
    options.input.on('error', () => void this.close());
    options.output.on('error', () => void this.close());
  }

  /** Calls back with every message of the client, before the server sees it; also with those that wait for it. */
  watch(watcher: (message: Message) => void): void {
    this.#watchers.push(watcher);
    for (const message of this.#waiting) watcher(message);
  }

  /** Called by the protocol library once it is ready: what came until then is handed over in its order. */
  async start(): Promise<void> {
    this.#started = true;
    for (const message of this.#waiting.splice(0)) this.#deliver(message);
    // the client may have gone while the server was loading
    if (this.#closed) setImmediate(() => this.onclose?.());
  }

  /** Resolves when the message has left this process. */
  async send(message: object): Promise<void> {
    const { id, method } = message as Message;
    if (method === undefined && id !== undefined && id === this.#answered) {
      this.#answered = undefined;
      return;
    }
    await this.#write(message);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#greet();
    this.#options.input.pause();
    this.onclose?.();
  }

  #write(message: object): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the client is gone'));
      this.#options.output.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
    });
  }

  #read(chunk: string): void {
    const [first = '', ...lines] = chunk.split('\n');
    this.#rest += first;
    for (const line of lines) {
      if (this.#rest.trim() !== '') this.#accept(this.#rest);
      this.#rest = line;
    }
  }

  #accept(text: string): void {
    const line = readLine(text);
    if (line.is === 'refused') this.#reply(line.id, { error: line.error });
    if (line.is !== 'message') return;
    const { message } = line;
    for (const watch of this.#watchers) watch(message);
    if (this.#started) this.#deliver(message);
    else this.#acceptEarly(message);
  }

  /** To the protocol library. A message that it cannot take must not end the session. */
  #deliver(message: Message): void {
    try {
      this.onmessage?.(message as never);
    } catch (error) {
      const { id, method } = message;
      if (id === undefined || method === undefined) return;
      this.#reply(id, { error: { code: INTERNAL_ERROR, message: (error as Error).message } });
    }
  }

  #acceptEarly(message: Message): void {
    const { id, method } = message;
    if (method === 'initialize' && id !== undefined && this.#answered === undefined) {
      this.#answered = id;
      this.#reply(id, { result: this.#options.initialize(message.params ?? {}) });
      this.#greet();
    } else if (method === 'server/discover' && id !== undefined) {
      // Claude Code asks this first and waits for the answer; this protocol revision does not know it
      this.#reply(id, { error: { code: METHOD_NOT_FOUND, message: 'Method not found' } });
      return;
    }
    this.#waiting.push(message);
  }

  #reply(id: RequestId | null, body: object): void {
    this.#write({ jsonrpc: '2.0', id, ...body }).catch(() => this.close());
  }
}
