/** What every command is given: its input and output, how to print, and the way to the broker. */
import pc from 'picocolors';
import { BrokerClient, type Hello } from '../shared/client.ts';
import { type Location, readLocation } from '../shared/config.ts';
import { ensureBroker } from '../shared/ensure-broker.ts';
import { PeersError } from '../shared/errors.ts';
import { HELLO_TIMEOUT_MS, unresponsive } from '../shared/proven-connection.ts';
import { type Io, write } from './io.ts';
import { safeJson } from './json.ts';

export class Context {
  readonly io: Io;
  readonly json: boolean;
  readonly colors: ReturnType<typeof pc.createColors>;
  #printed = false;

  constructor(io: Io, json: boolean) {
    this.io = io;
    this.json = json;
    this.colors = pc.createColors(io.isTTY && !json && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb');
  }

  /** Read when first needed: `--help` works whatever the settings are. */
  get location(): Location {
    return readLocation(this.io.env);
  }

  /** Columns to fit into; COLUMNS counts where the output is no terminal. Undefined: as wide as it takes. */
  get width(): number | undefined {
    if (this.io.columns !== undefined && this.io.columns > 0) return this.io.columns;
    const given = Number(this.io.env['COLUMNS']);
    return Number.isInteger(given) && given > 0 ? given : undefined;
  }

  /** Standard output has got its document: with `--json` nothing else may follow there. */
  get printed(): boolean {
    return this.#printed;
  }

  /** Prints the result of the command, once: as JSON with `--json`, else as text. Resolves when it was handed over. */
  async print(result: unknown, text: () => string): Promise<void> {
    this.#printed = true;
    await write(this.io.stdout, `${this.json ? safeJson(result) : text()}\n`);
  }

  /**
   * Gives `use` a client of the broker that runs; with `start`, of one that is started where none does.
   * @param options.tries how often a broker that does not answer is asked; each try takes {@link HELLO_TIMEOUT_MS}
   * @throws PeersError `broker_unavailable` in words for a person where no broker runs; `broker_unresponsive`
   */
  async withBroker<T>(
    use: (client: BrokerClient, hello: Hello) => Promise<T>,
    { start = false, tries = 3 } = {},
  ): Promise<T> {
    const { location } = this;
    const { brokerEntry, env } = this.io;
    if (start) await patiently(() => ensureBroker(location, brokerEntry, env), location, tries);
    const client = new BrokerClient(location);
    try {
      return await use(client, await patiently(() => helloOf(client), location, tries));
    } finally {
      client.close();
    }
  }
}

/** A broker that is stopped for a moment, or whose machine is very busy, is no reason to give up at once. */
async function patiently<T>(ask: () => Promise<T>, { port }: Location, tries: number): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof PeersError) || error.code !== 'broker_unresponsive') throw error;
      if (tried >= tries) throw unresponsive(port, tries * HELLO_TIMEOUT_MS);
    }
  }
}

async function helloOf(client: BrokerClient): Promise<Hello> {
  try {
    return await client.hello();
  } catch (error) {
    if (!(error instanceof PeersError) || error.code !== 'broker_unavailable') throw error;
    throw new PeersError(
      'broker_unavailable',
      `No broker runs on 127.0.0.1:${client.location.port}.`,
      'Start one with: agent-peers status --start (a session with AGENT_PEERS_ENABLED=1 does so by itself).',
      { cause: error },
    );
  }
}
