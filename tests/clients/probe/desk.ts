/** The test's side of the probe: listens on loopback, keeps what probes report, and gives orders. */

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { EventLog, withResolvers } from '../harness/event-log.ts';
import type { McpServer } from '../harness/mcp-server.ts';
import { DESK_PORT, type ProbeOrder, type ProbeRecord } from './protocol.ts';

export class ProbeDesk {
  readonly records = new EventLog<ProbeRecord>('probe', (record) => JSON.stringify(record).slice(0, 300));
  readonly #server: Server;
  readonly #probes = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#probes.add(socket);
      socket.on('error', () => {}).once('close', () => this.#probes.delete(socket));
      createInterface(socket).on('line', (line) => this.records.push(JSON.parse(line) as ProbeRecord));
    });
  }

  static async open(): Promise<ProbeDesk> {
    const desk = new ProbeDesk();
    const listening = withResolvers<void>();
    desk.#server.once('error', listening.reject).listen(0, '127.0.0.1', () => listening.resolve());
    await listening.promise;
    return desk;
  }

  /** The probe as an MCP server that reports here. */
  server(script: string): McpServer {
    const { port } = this.#server.address() as AddressInfo;
    return { command: process.execPath, args: [script], env: { [DESK_PORT]: String(port) } };
  }

  async next<K extends ProbeRecord['kind']>(kind: K): Promise<Extract<ProbeRecord, { kind: K }>> {
    const record = await this.records.until((one) => one.kind === kind);
    return record as Extract<ProbeRecord, { kind: K }>;
  }

  /** The first call of a tool, by a model or by a hook. */
  async call(tool: string): Promise<Extract<ProbeRecord, { kind: 'call' }>> {
    const record = await this.records.until((one) => one.kind === 'call' && one.tool === tool);
    return record as Extract<ProbeRecord, { kind: 'call' }>;
  }

  order(order: ProbeOrder): void {
    for (const probe of this.#probes) probe.write(`${JSON.stringify(order)}\n`);
  }

  async close(): Promise<void> {
    this.records.close('the desk was closed');
    const closed = withResolvers<void>();
    this.#server.close(() => closed.resolve());
    for (const probe of this.#probes) probe.destroy();
    await closed.promise;
  }
}
