/** One session: puts link, inbox, push route and MCP server together, and takes them apart when the client goes. */
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type Env, type Location, readLocation } from '../shared/config.ts';
import type { PushNote, PushRoute, Response } from '../shared/contract/types.ts';
import { deferred } from '../shared/deferred.ts';
import { type PeersError, toPeersError } from '../shared/errors.ts';
import { brokerEntryBeside } from '../shared/start-broker.ts';
import { Evidence } from './evidence.ts';
import type { Offer } from './handshake.ts';
import { Inbox } from './inbox.ts';
import type { Message } from './json-rpc.ts';
import { watchClient } from './lifecycle.ts';
import { BrokerLink } from './link.ts';
import { type SessionLog, stderrLog } from './log.ts';
import { newPatience } from './patience.ts';
import type { ClientSide } from './push/choose.ts';
import { Reach } from './reach.ts';
import { Reports } from './reports.ts';
import type { Filter } from './selection.ts';
import { Self } from './self.ts';
import { createServer } from './server.ts';
import { summarise } from './summary.ts';
import { setTabTitle } from './title.ts';
import { chosenToolsets, TOOLSETS } from './tools/index.ts';
import type { ToolContext } from './tools/tool.ts';
import type { StdioTransport } from './transport.ts';

/** Clients that show the model `structuredContent` in place of the text (both seen to). */
const TEXT_ONLY_CLIENTS = new Set(['claude-code', 'codex-mcp-client']);
/** Codex gives a tool 300 s; Claude Code moves a longer one to the background. */
const MAX_WAIT_S: Record<ClientSide, number> = { claude: 25 * 60, codex: 240 };

/** Bad settings must not end a session, which no client starts again: it lives on and says what is wrong. */
function locate(env: Env): { location: Location; misconfigured: PeersError | undefined } {
  try {
    return { location: readLocation(env), misconfigured: undefined };
  } catch (error) {
    return { location: readLocation({ HOME: env['HOME'] }), misconfigured: toPeersError(error) };
  }
}

export interface SessionOptions {
  readonly side: ClientSide;
  readonly entryUrl: string;
  readonly env: Env;
  readonly offer: Offer;
  readonly pushRoute: PushRoute;
  readonly transport: StdioTransport;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #log: SessionLog = stderrLog((line) => process.stderr.write(line));
  readonly #ended = new AbortController();
  readonly #location: Location;
  /** Settings that cannot be understood: every tool says so. */
  readonly #misconfigured: PeersError | undefined;
  readonly #self: Self;
  readonly #link: BrokerLink;
  readonly #reports: Reports;
  readonly #inbox: Inbox;
  readonly #evidence: Evidence;
  readonly #reach: Reach;
  readonly #toolsets: readonly string[];
  readonly #server = deferred<Server>();
  #summarised = false;

  constructor(options: SessionOptions) {
    const { env, entryUrl, side } = options;
    this.#options = options;
    const { location, misconfigured } = locate(env);
    this.#location = location;
    this.#misconfigured = misconfigured;
    this.#toolsets = chosenToolsets(side, env);
    this.#self = new Self({
      side,
      env,
      home: location.home,
      cwd: process.cwd(),
      log: this.#log,
      report: (changes) => this.#reports.report(changes),
    });
    this.#link = new BrokerLink({
      location: this.#location,
      brokerEntry: brokerEntryBeside(entryUrl),
      env,
      log: this.#log,
      registration: () => this.#self.registration(this.#reach.route),
      onRegistered: (registered) => this.#onRegistered(registered),
      onMessages: (messages) => {
        if (this.#inbox.add(messages).length > 0) this.#reach.arrived();
      },
      onNotesFailed: (notes) => {
        for (const note of notes) this.#reports.note(note);
      },
    });
    this.#reports = new Reports({
      log: this.#log,
      call: (name, body, signal) => this.#link.call(name, body, signal),
    });
    this.#inbox = new Inbox(
      (confirmations) => this.#reports.confirm(confirmations),
      (note) => this.#notePush(note),
    );
    this.#evidence = new Evidence({
      taken: (ids, evidence) => this.#inbox.settle(ids, evidence),
      thrownAway: (ids) => this.#inbox.putBack(ids),
    });
    this.#reach = new Reach({
      side,
      env,
      pushRoute: options.pushRoute,
      inbox: this.#inbox,
      log: this.#log,
      notifyChannel: async (params) => {
        const server = await this.#server.promise;
        await server.notification({ method: 'notifications/claude/channel', params: { ...params } });
      },
      notePush: (note) => this.#notePush(note),
      report: (changes) => this.#reports.report(changes),
    });
  }

  /** Resolves when the client is gone and the process may end. */
  async run(): Promise<void> {
    const { transport, offer } = this.#options;
    const gone = new Promise<string>((resolve) => {
      watchClient(resolve);
      this.#ended.signal.addEventListener('abort', () => resolve('standard input ended'));
    });
    transport.watch((message) => this.#heard(message));
    const server = await createServer(this.#observed(transport), {
      offer,
      tools: this.#toolsets.flatMap((name) => TOOLSETS[name] ?? []),
      inbox: this.#inbox,
      evidence: this.#evidence,
      context: (signal) => this.#context(signal),
      beforeCall: (meta, { call }) => this.#beforeCall(meta, call),
      onHook: (event, meta, goesOn) => {
        this.#reach.hooked(event, goesOn);
        void this.#bind(meta, (name, body) => this.#link.call(name, body, this.#ended.signal));
      },
      textOnly: () => TEXT_ONLY_CLIENTS.has(this.#self.clientName),
    });
    server.onclose = () => this.#ended.abort();
    this.#server.resolve(server);
    const reason = await gone;
    if (offer.enabled) {
      this.#log.info('session ends', { reason });
      this.#reach.close();
      await this.#reports.close();
      await this.#link.close(this.#inbox.unseen());
    }
    process.exit(0);
  }

  #notePush(note: PushNote): void {
    if (!this.#link.takeAlong(note)) this.#reports.note(note);
  }

  /** The transport, telling the evidence when a response has left. */
  #observed(transport: StdioTransport): Transport {
    const send = transport.send.bind(transport);
    transport.send = async (message: object) => {
      const { id, method } = message as Message;
      const request = method === undefined ? id : undefined;
      try {
        await send(message);
        if (request !== undefined) this.#evidence.flushed(request);
      } catch (error) {
        if (request !== undefined) this.#evidence.failed(request);
        throw error;
      }
    };
    // the library types its callbacks narrower than a transport that reads unknown JSON can
    return transport as unknown as Transport;
  }

  /** Everything the client says, before the server acts on it. */
  #heard(message: Message): void {
    this.#evidence.heard(message);
    if (!this.#options.offer.enabled) return;
    if (message.method === 'initialize') {
      this.#self.initialized(message.params?.['clientInfo'] as { name?: unknown; version?: unknown } | undefined);
      if (!this.#misconfigured) this.#link.start();
    } else if (message.method === 'notifications/initialized') {
      this.#reach.open();
    }
  }

  #onRegistered(registered: Response<'registerSession'>): void {
    const { peer, resumed } = registered;
    this.#log.info('registered', { name: peer.name, id: peer.id, resumed, wanted: this.#self.wantedName });
    this.#self.registered(registered);
    this.#showName(peer.name);
    this.#reach.statusIs(peer.status);
    if (this.#summarised) return;
    this.#summarised = true;
    const set = async (summary: string) => {
      await this.#link.call('updatePeer', { summary, summary_source: 'auto' }, this.#ended.signal);
    };
    summarise(process.cwd(), this.#options.env, set, this.#log, this.#ended.signal).catch((error: unknown) => {
      if (!this.#ended.signal.aborted) this.#log.warn('no automatic summary', { code: toPeersError(error).code });
    });
  }

  #showName(name: string): void {
    if (this.#options.env['AGENT_PEERS_DISABLE_TAB_TITLE'] !== '1') setTabTitle(name);
  }

  async #beforeCall(meta: Record<string, unknown>, call: ToolContext['call']): Promise<void> {
    if (this.#misconfigured) return;
    this.#reach.called();
    this.#self.refreshPlace();
    await this.#bind(meta, call);
  }

  /** Learns from a call which conversation it belongs to; from then on this session is the peer of that conversation. */
  async #bind(meta: Record<string, unknown>, call: ToolContext['call']): Promise<void> {
    const thread = meta['threadId'];
    if (this.#options.side !== 'codex' || typeof thread !== 'string' || this.#misconfigured) return;
    void this.#reach.threadIs(thread, process.cwd());
    const adopted = await this.#self.bind(thread, call);
    if (adopted) this.#showName(adopted.name);
  }

  #context(signal: AbortSignal): ToolContext {
    const patience = newPatience();
    return {
      call: async (name, body) => {
        if (this.#misconfigured) throw this.#misconfigured;
        return this.#link.call(name, body, signal, patience);
      },
      inbox: this.#inbox,
      waitForMessage: (filter, ms) => this.#waitForMessage(filter, ms, signal),
      maxWaitS: MAX_WAIT_S[this.#options.side],
      self: { toolsets: this.#toolsets, pushRoute: this.#reach.route },
      changed: (peer) => {
        this.#showName(peer.name);
        this.#reach.statusIs(peer.status);
      },
    };
  }

  #waitForMessage(filter: Filter, ms: number, signal: AbortSignal): Promise<boolean> {
    if (this.#inbox.has(filter)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (came: boolean) => {
        clearTimeout(timer);
        stopListening();
        // not before the response has taken the message, or it would be pushed instead
        setImmediate(stopAwaiting);
        signal.removeEventListener('abort', onAbort);
        resolve(came);
      };
      const onAbort = () => finish(false);
      const timer = setTimeout(() => finish(false), ms);
      const stopAwaiting = this.#reach.await(filter);
      const stopListening = this.#inbox.onArrival(() => {
        if (this.#inbox.has(filter)) finish(true);
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
