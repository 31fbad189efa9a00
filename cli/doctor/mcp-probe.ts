/**
 * The client's end of an MCP server for a short look: starts it as a client would, speaks JSON lines to it, and ends
 * it. Written out here so that what is measured is the server's time, not a protocol library's.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { PeersError } from '../../shared/errors.ts';
import { cleanLine } from '../../shared/text.ts';

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

const END_TIMEOUT_MS = 3_000;
const STDERR_KEPT = 2_000;

export class McpProbe {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers = new Map<number, (answer: Answer | Error) => void>();
  readonly #exited: Promise<void>;
  #stderr = '';
  #lastId = 0;
  /** Why it will not answer any more. */
  #failure: PeersError | undefined;

  constructor({ command, args, env, cwd }: ServerCommand) {
    this.#child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#accept(line);
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-STDERR_KEPT);
    });
    // a server that ends while it is written to is reported by its end
    this.#child.stdin.on('error', () => {});
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', (error) => this.#fail(failed(error.message), resolve));
      this.#child.once('close', (code, signal) => {
        const said = cleanLine(this.#stderr).slice(-300);
        this.#fail(failed(`it ended with ${signal ?? `code ${code}`}${said === '' ? '' : `: ${said}`}`), resolve);
      });
    });
  }

  /** @throws PeersError `command_failed` where no answer comes in time, or an error does */
  async request(method: string, params: object, timeoutMs: number): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = await new Promise<Answer | Error>((resolve) => {
      const timer = setTimeout(() => resolve(failed(`no answer to ${method} within ${timeoutMs / 1000} s`)), timeoutMs);
      this.#answers.set(id, (value) => {
        clearTimeout(timer);
        resolve(value);
      });
      this.#write({ id, method, params });
    });
    this.#answers.delete(id);
    if (answer instanceof Error) throw answer;
    if (answer.error) throw failed(answer.error.message);
    return answer.result;
  }

  async initialize(clientName: string, timeoutMs: number): Promise<void> {
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: clientName, version: '0.0.0' },
    };
    await this.request('initialize', params, timeoutMs);
    this.#write({ method: 'notifications/initialized' });
  }

  /** What a tool answers, as the model would read it. */
  async callTool(name: string, args: object, timeoutMs: number): Promise<string> {
    const result = await this.request('tools/call', { name, arguments: args }, timeoutMs);
    const { content, isError } = result as { content: { text?: string }[]; isError?: boolean };
    const text = content.map((part) => part.text ?? '').join('\n');
    if (isError) throw failed(text);
    return text;
  }

  /** Ends it as a client does, by closing its input; by force where that is not enough. */
  async end(): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #write(message: object): void {
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #accept(line: string): void {
    let message: Answer & { id?: number };
    try {
      message = JSON.parse(line) as Answer & { id?: number };
    } catch {
      return; // no client could make anything of it either
    }
    if (message.id !== undefined) this.#answers.get(message.id)?.(message);
  }

  #fail(error: PeersError, exited: () => void): void {
    this.#failure = error;
    for (const answer of this.#answers.values()) answer(error);
    exited();
  }
}

function failed(what: string): PeersError {
  return new PeersError('command_failed', what, 'Start the command by hand to see what it says.');
}
