/** A client without a terminal: lines out, lines in. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { EventLog, PATIENCE_MS, withResolvers } from './event-log.ts';

/** How to start a client. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class PipedClient {
  /** What the client printed, line by line. */
  readonly lines = new EventLog<string>('client output', (line) => line.slice(0, 500));
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended = withResolvers<Ended>();

  constructor({ command, args, cwd, env }: Launch) {
    this.#child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    // Someone who waits sees the failure; someone who does not must not be ended by it.
    this.#ended.promise.catch(() => {});
    let stdout = '';
    let stderr = '';
    let rest = '';
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) this.lines.push(line);
    });
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    // A client that ends while it is written to: its end is reported by `close`.
    this.#child.stdin.on('error', () => {});
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('close', (code) => {
      this.#ended.resolve({ code, stdout, stderr });
      this.lines.close(`the client ended with code ${code}; it printed on stderr: ${stderr.slice(-2_000)}`);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Waits for the client's own end. */
  async ended(ms = PATIENCE_MS): Promise<Ended> {
    const timer = setTimeout(() => this.#fail(new Error(`The client did not end within ${ms} ms.`)), ms);
    try {
      return await this.#ended.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(error: Error): void {
    this.#ended.reject(error);
    this.lines.close(error.message);
  }
}
