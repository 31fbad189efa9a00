/**
 * A client's end of a session's standard input and output. It speaks MCP's JSON lines without a protocol library,
 * whose own time would otherwise be measured along with the server's.
 */
import { once } from 'node:events';

/**
 * @typedef {{ id?: number, method?: string, params?: any, result?: any, error?: { code: number, message: string } }} RpcMessage
 * @typedef {{ resolve(result: any): void, reject(error: Error): void }} Waiting
 */

export class McpClient {
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {Set<(message: RpcMessage) => void>} */
  #listeners = new Set();
  #lastId = 0;
  #stderr = '';

  /** @param {import('node:child_process').ChildProcessWithoutNullStreams} child */
  constructor(child) {
    this.child = child;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#accept(JSON.parse(line));
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      // only the end is ever shown, when the session dies
      this.#stderr = (this.#stderr + chunk).slice(-4_000);
    });
    child.stdin.on('error', () => {});
    child.once('exit', (code, signal) => {
      const error = new Error(`the session ended (${signal ?? code})\n${this.#stderr}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  /** @returns {number} */
  get pid() {
    if (this.child.pid === undefined) throw new Error('the session was not started');
    return this.child.pid;
  }

  /** @param {RpcMessage} message */
  #accept(message) {
    if (message.method !== undefined) {
      for (const listener of [...this.#listeners]) listener(message);
      return;
    }
    const waiting = this.#waiting.get(message.id ?? -1);
    this.#waiting.delete(message.id ?? -1);
    if (message.error) waiting?.reject(new Error(`${message.error.code} ${message.error.message}`));
    else waiting?.resolve(message.result);
  }

  /** @param {object} message */
  #write(message) {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @returns {Promise<any>} the result
   */
  request(method, params = {}) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#write({ id, method, params });
    });
  }

  /**
   * @param {string} clientName decides how the session treats this client
   * @returns {Promise<any>} what the server says of itself
   */
  async initialize(clientName) {
    const result = await this.request('initialize', {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: clientName, version: '1.0.0' },
    });
    this.#write({ method: 'notifications/initialized' });
    return result;
  }

  /**
   * @param {string} name
   * @param {object} [args]
   * @returns {Promise<string>} what the model would read
   * @throws when the tool answers with an error
   */
  async tool(name, args = {}) {
    const { content, isError } = await this.request('tools/call', { name, arguments: args });
    const text = content.map((/** @type {{ text: string }} */ part) => part.text).join('\n');
    if (isError) throw new Error(`${name}: ${text}`);
    return text;
  }

  /**
   * Calls back with every notification of the server.
   * @param {(message: RpcMessage) => void} listener
   * @returns {() => void} ends that
   */
  onNotification(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends the process at once. */
  async kill() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}
