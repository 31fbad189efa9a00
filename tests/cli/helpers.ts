/** What the tests of the command need on top of a sandbox: running it, and agents to talk to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { BrokerClient } from '../../shared/client.ts';
import type { InboxMessage } from '../../shared/contract/inbox.ts';
import type { Request, Response } from '../../shared/contract/index.ts';
import { PeersError } from '../../shared/errors.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';

const CLI_ENTRY = RUNTIMES.node.entry('cli');
export const BROKER_ENTRY = RUNTIMES.node.entry('broker');

/** What drives a terminal or hides from its reader; a line break is the one control character that output may hold. */
export const DANGEROUS = /(?!\n)[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}]/u;

/** Sets a window title, clears the screen, rings, turns the text around, hides some, and does it with C1 controls too. */
export const HOSTILE =
  'a\u001b]0;owned\u0007b\u001b[2Jc\u009b31md\u0090x\u009ce\u202efed\u2066g\u200eh\u007fi\u00ad\u115f\u{e0041}';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

type RegisterRequest = Request<'registerSession'>;

/** A session such as an agent's MCP server holds it: a held request keeps it present and takes its mail. */
export class Agent {
  readonly id: string;
  readonly name: string;
  readonly #client: BrokerClient;
  readonly #token: string;
  readonly #gone = new AbortController();
  readonly #arrived = new EventEmitter();
  #messages: InboxMessage[] = [];

  constructor(client: BrokerClient, { token, peer }: Response<'registerSession'>) {
    this.#client = client;
    this.#token = token;
    this.id = peer.id;
    this.name = peer.name;
    void this.#listen();
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const held = { token: this.#token, signal: this.#gone.signal };
        const { messages } = await this.#client.call('nextMessages', { wait_ms: 30_000 }, held);
        if (messages.length === 0) continue;
        const confirmations = messages.map(({ message_id }) => ({ message_id, evidence: 'client' as const }));
        await this.#client.call('confirmMessages', { confirmations }, held);
        this.#messages.push(...messages);
        this.#arrived.emit('messages');
      }
    } catch (error) {
      // it left, or its broker was ended: like a closed tab it is no longer there
      if (!(error instanceof PeersError)) throw error;
    }
  }

  /** What came since the last call, at least `count` messages. */
  async received(count = 1): Promise<InboxMessage[]> {
    while (this.#messages.length < count) await once(this.#arrived, 'messages');
    return this.#messages.splice(0);
  }

  send(to: string, message: string, more: Partial<Request<'sendMessage'>> = {}) {
    return this.#client.call('sendMessage', { to, message, ...more }, { token: this.#token });
  }

  update(change: Request<'updatePeer'>) {
    return this.#client.call('updatePeer', change, { token: this.#token });
  }

  async leave(): Promise<void> {
    this.#gone.abort();
    await this.#client.call('closeSession', {}, { token: this.#token });
  }
}

/** A sandbox in which the command runs, and agents join without a client of their own. */
export class CliSandbox {
  readonly #sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  static async make(): Promise<CliSandbox> {
    return new CliSandbox(await Sandbox.create({ TZ: 'UTC' }));
  }

  get home(): string {
    return this.#sandbox.home;
  }

  get env(): Record<string, string> {
    return this.#sandbox.env;
  }

  get client(): BrokerClient {
    return this.#sandbox.client;
  }

  get port(): number {
    return this.#sandbox.location.port;
  }

  startBroker(): Promise<number> {
    return this.#sandbox.broker();
  }

  /** Starts the command and leaves its streams to the caller. */
  spawn(args: readonly string[], { env = {}, cwd = this.home }: RunOptions = {}): ChildProcess {
    return this.#sandbox.spawn('cli', args, { env, cwd });
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const child = this.spawn(args, options);
    child.stdin?.on('error', ignoreClosedPipe).end(options.stdin ?? '');
    return outcome(child);
  }

  /** Pipes what the command prints into a line of shell, and tells its own exit code on standard error. */
  pipe(args: string, into: string): Promise<Ran> {
    const env = { ...this.env, NODE: process.execPath, CLI: CLI_ENTRY };
    const child = spawn('sh', ['-c', `("$NODE" "$CLI" ${args}; echo "code $?" >&2) | ${into}`], {
      env,
      cwd: this.home,
    });
    child.stdin.end();
    return outcome(child);
  }

  /** Runs with `--json` and parses what stands on standard output, which must be that document and nothing else. */
  async json<T = unknown>(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<{ code: number | null; value: T }> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options);
    if (stderr !== '') throw new Error(`something on standard error: ${stderr}`);
    return { code, value: JSON.parse(stdout) as T };
  }

  async join(name: string, more: Partial<RegisterRequest> = {}): Promise<Agent> {
    const registered = await this.client.call('registerSession', {
      kind: 'claude',
      name,
      process: randomUUID(),
      pid: process.pid,
      host: 'test-host',
      cwd: this.home,
      client: { name: 'test', version: '1' },
      push_route: 'none',
      ...more,
    });
    return new Agent(this.client, registered);
  }

  /** How peers address the human: read off a message that the human sent. */
  async operatorId(agent: Agent): Promise<string> {
    await this.run(['send', agent.name, 'hello']);
    const [message] = await agent.received();
    if (!message) throw new Error('the message of the operator did not arrive');
    return message.from.id;
  }

  /** Ends whatever broker answers on the port of this sandbox, and waits until none does. */
  async endBroker(): Promise<void> {
    for (;;) {
      const hello = await this.client.hello().catch((error: unknown) => {
        if (error instanceof PeersError && error.code === 'broker_unavailable') return undefined;
        throw error;
      });
      if (!hello) return;
      process.kill(hello.pid, 'SIGKILL');
      await delay(10);
    }
  }

  close(): Promise<void> {
    return this.#sandbox.close();
  }
}

export function outcome(child: ChildProcess): Promise<Ran> {
  return new Promise((done, fail) => {
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
    });
    child.once('error', fail);
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
}

/** A command that does not read its standard input may end before it was written. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
