/**
 * Ways a message can take from one process's standard input to another's standard output: through two sessions and
 * their broker, or through three bare processes that only hand a line along. The latter is what the machine and the
 * runtime ask of any such path; both are timed by the same client, so its own time falls on both alike.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { McpClient } from '../../scripts/lib/mcp-client.mjs';
import { cpuMeter } from './process-cost.mjs';

/**
 * @typedef {import('../../scripts/lib/sandbox.mjs').Sandbox} Sandbox
 * @typedef {import('../../scripts/lib/sandbox.mjs').Runtime} Runtime
 * @typedef {{ pushed: number, answered: number }} Times ms until the reader's line and until the sender's answer
 */

const CHANNEL = 'notifications/claude/channel';
const BARE_PROCESS = fileURLToPath(new URL('./bare-process.mjs', import.meta.url));

/** What one end writes and the other end waits for. */
export class PushPath {
  #sent = 0;
  /** @type {{ message: string, resolve(at: number): void, reject(error: Error): void } | undefined} */
  #awaited;
  #send;
  #processes;

  /**
   * @param {(message: string) => Promise<unknown>} send resolves with the sender's answer
   * @param {McpClient} reader
   * @param {Record<string, number>} processes on the way: the id of each by what people call it
   */
  constructor(send, reader, processes) {
    this.#send = send;
    this.#processes = Object.entries(processes);
    reader.onNotification(({ method, params }) => {
      const at = performance.now();
      if (method === CHANNEL && params.content === this.#awaited?.message) this.#awaited.resolve(at);
    });
    reader.child.once('exit', () => this.#awaited?.reject(new Error('the process at the end of the path ended')));
  }

  /** @returns {Promise<Times>} */
  async send() {
    this.#sent += 1;
    const message = `message ${this.#sent}: the login test fails on main since this morning; is that yours?`;
    const arrival = new Promise((resolve, reject) => {
      this.#awaited = { message, resolve, reject };
    });
    const start = performance.now();
    const answer = this.#send(message).then(() => performance.now());
    const [arrived, answered] = await Promise.all([arrival, answer]);
    return { pushed: arrived - start, answered: answered - start };
  }

  /**
   * Begins to count the CPU time of the processes. It says more than the latency where other programs want the CPU too.
   * @returns {(count: number) => string | undefined} what each of so many messages took since then; undefined where the
   *   system does not tell
   */
  cpu() {
    const meters = this.#processes.map(([name, pid]) => ({ name, read: cpuMeter(pid) }));
    return (count) => {
      const each = meters.flatMap(({ name, read }) => (read ? `${(read() / count).toFixed(2)} ms ${name}` : []));
      return each.length === 0 ? undefined : `CPU each: ${each.join(', ')}`;
    };
  }
}

/** Two sessions and their broker. */
export class ProductPath extends PushPath {
  #reader;

  /**
   * @param {McpClient} sender
   * @param {McpClient} reader
   * @param {number} broker its process id
   */
  constructor(sender, reader, broker) {
    const send = (/** @type {string} */ message) => sender.tool('send_message', { to_id: 'reader', message });
    super(send, reader, { sender: sender.pid, broker, reader: reader.pid });
    this.#reader = reader;
  }

  /**
   * @param {Sandbox} sandbox
   * @param {Runtime} runtime of all three processes
   * @param {readonly string[]} [brokerFlags]
   */
  static async start(sandbox, runtime, brokerFlags = []) {
    const broker = await sandbox.startBroker(brokerFlags, runtime);
    const sender = await sandbox.session(runtime, 'claude', { name: 'sender' });
    const reader = await sandbox.session(runtime, 'claude', { name: 'reader' });
    await Promise.all([sender.tool('list_peers'), reader.tool('list_peers')]);
    return new ProductPath(sender, reader, broker);
  }

  /** The reader looks at what was pushed and so confirms it: unconfirmed mail of one sender is pushed only so far. */
  async read() {
    await this.#reader.tool('check_messages');
    await this.#reader.tool('whoami');
  }
}

/**
 * @param {Sandbox} sandbox
 * @param {Runtime} runtime of all three processes
 */
export async function startBarePath(sandbox, runtime) {
  const start = (/** @type {string[]} */ ...args) => new McpClient(sandbox.spawn(runtime, [BARE_PROCESS, ...args]));
  const relay = start('relay');
  const [address] = await once(relay.child.stdout, 'data');
  const { port } = JSON.parse(address);
  const sender = start('sender', port);
  const reader = start('reader', port);
  const path = new PushPath(
    async (content) => {
      // goes through as it is: what comes out looks like a session's notification
      sender.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: CHANNEL, params: { content } })}\n`);
    },
    reader,
    { sender: sender.pid, relay: relay.pid, reader: reader.pid },
  );
  // both connections stand
  await path.send();
  return path;
}
