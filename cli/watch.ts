/** `agent-peers watch`: who comes and goes, and what they write, line by line as it happens. */
import type { BrokerClient } from '../shared/client.ts';
import type { Response } from '../shared/contract/index.ts';
import type { EventKind } from '../shared/contract/types.ts';
import { type ErrorCode, isPassing } from '../shared/errors.ts';
import { followEvents } from '../shared/event-stream.ts';
import { forTerminalLine, isEmpty, type PeerText } from '../shared/peer-text.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import { write } from './io.ts';
import { safeJsonLine } from './json.ts';
import { peerTable } from './peer-table.ts';
import { clock } from './times.ts';
import { cut } from './width.ts';

type Peer = Response<'listPeers'>['peers'][number];
type Message = Response<'recentMessages'>['messages'][number];

/** One thing that happened; with --json one such document a line. */
type Event =
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'came' | 'left'; readonly peer: Peer }
  | { readonly kind: 'changed'; readonly peer: Peer; readonly what: string }
  | { readonly kind: 'broker'; readonly up: true }
  | { readonly kind: 'broker'; readonly up: false; readonly code: ErrorCode };

const RETRY_MS = 1_000;
const SHOWN_AT_FIRST = 10;
const AT_ONCE = 200;
/** Events after which the list of peers is another. That a peer works or waits changes too often to be told. */
const CHANGES: ReadonlySet<EventKind> = new Set([
  'peer.registered',
  'peer.renamed',
  'peer.changed',
  'peer.merged',
  'peer.online',
  'peer.offline',
]);

export const watchCommand: CommandGroup = (program, context) => {
  program
    .command('watch')
    .description('Follow peers and messages as they come and go, until Ctrl-C; nothing is marked as read.')
    .option('--no-peers', 'messages only')
    .addHelpText(
      'after',
      examples(
        ['agent-peers watch', 'leave it open in a terminal of its own'],
        ['agent-peers watch --json | jq -r .message.preview', 'one JSON document a line'],
      ),
    )
    .action(async (options: { peers: boolean }) => {
      await context.withBroker((client) => new Watch(client, context, options.peers).run(), { start: true });
    });
};

class Watch {
  readonly #client: BrokerClient;
  readonly #context: Context;
  readonly #showPeers: boolean;
  #peers: ReadonlyMap<string, Peer> | undefined;
  #lastSeq = 0;
  #up = true;

  constructor(client: BrokerClient, context: Context, showPeers: boolean) {
    this.#client = client;
    this.#context = context;
    this.#showPeers = showPeers;
  }

  /** Ends only with the process, or when nobody reads its output any more. */
  async run(): Promise<never> {
    for (;;) {
      try {
        await this.#follow();
      } catch (error) {
        // sessions start another broker when they need it; what was written until then is told afterwards
        if (!isPassing(error)) throw error;
        if (this.#up) await this.#tell({ kind: 'broker', up: false, code: error.code });
        this.#up = false;
        await this.#context.io.sleep(RETRY_MS);
      }
    }
  }

  /** Looks when something happened, and only then. */
  async #follow(): Promise<void> {
    for await (const { events } of followEvents(this.#client)) {
      if (events.length === 0) await this.#connected();
      else
        await this.#look(
          events.some(({ kind }) => CHANGES.has(kind)),
          events.some(({ kind }) => kind === 'message.sent'),
        );
    }
  }

  /** From now on every event comes: what happened before is looked up. */
  async #connected(): Promise<void> {
    if (!this.#peers) return this.#begin();
    if (!this.#up) await this.#tell({ kind: 'broker', up: true });
    this.#up = true;
    await this.#look(true, true);
  }

  async #begin(): Promise<void> {
    const { peers } = await this.#client.call('listPeers', {});
    const { messages } = await this.#client.call('recentMessages', { limit: SHOWN_AT_FIRST });
    this.#peers = byId(peers);
    this.#lastSeq = messages.at(-1)?.seq ?? 0;
    const { json, io, colors } = this.#context;
    if (!json && this.#showPeers) {
      const table = peers.length === 0 ? colors.dim('Nobody is here yet.') : peerTable(peers, this.#context);
      await write(io.stdout, `${table}\n\n`);
    }
    for (const message of messages) await this.#tell({ kind: 'message', message });
  }

  async #look(atPeers: boolean, atMessages: boolean): Promise<void> {
    if (atPeers && this.#showPeers) {
      const { peers } = await this.#client.call('listPeers', {});
      const now = byId(peers);
      const changes = differences(this.#peers ?? now, now);
      this.#peers = now;
      for (const change of changes) await this.#tell(change);
    }
    while (atMessages) {
      const { messages } = await this.#client.call('recentMessages', { after_seq: this.#lastSeq, limit: AT_ONCE });
      this.#lastSeq = messages.at(-1)?.seq ?? this.#lastSeq;
      for (const message of messages) await this.#tell({ kind: 'message', message });
      if (messages.length < AT_ONCE) return;
    }
  }

  #tell(event: Event): Promise<void> {
    const { json, io } = this.#context;
    return write(io.stdout, `${json ? safeJsonLine(event) : line(event, this.#context)}\n`);
  }
}

function byId(peers: readonly Peer[]): Map<string, Peer> {
  return new Map(peers.map((peer) => [peer.id, peer]));
}

function differences(before: ReadonlyMap<string, Peer>, now: ReadonlyMap<string, Peer>): Event[] {
  const left = [...before.values()].filter(({ id }) => !now.has(id)).map((peer): Event => ({ kind: 'left', peer }));
  const rest = [...now.values()].flatMap((peer): Event[] => {
    const known = before.get(peer.id);
    if (!known) return [{ kind: 'came', peer }];
    const what = changeOf(known, peer);
    return what === undefined ? [] : [{ kind: 'changed', peer, what }];
  });
  return [...left, ...rest];
}

/** What others would want to know; that it works or waits changes too often to be told. */
function changeOf(known: Peer, peer: Peer): string | undefined {
  const changes = [
    ...(peer.name === known.name ? [] : [`was called ${known.name}`]),
    ...(peer.status === known.status && peer.status_message === known.status_message
      ? []
      : [`is ${peer.status}${isEmpty(peer.status_message) ? '' : `: ${forTerminalLine(peer.status_message)}`}`]),
    ...(peer.summary === known.summary || isEmpty(peer.summary) ? [] : [`works on: ${forTerminalLine(peer.summary)}`]),
    ...(peer.branch === known.branch || isEmpty(peer.branch) ? [] : [`is on branch ${forTerminalLine(peer.branch)}`]),
  ];
  return changes.length === 0 ? undefined : changes.join(', ');
}

function brokerNews(event: Extract<Event, { kind: 'broker' }>): string {
  if (event.up) return 'the broker is back';
  return event.code === 'broker_unresponsive'
    ? 'the broker does not answer'
    : 'the broker has ended; the next session starts another one';
}

function line(event: Event, context: Context): string {
  const { colors, io, width } = context;
  const now = io.now();
  const at = event.kind === 'message' ? event.message.sent_at : new Date(now).toISOString();
  const time = clock(at, now);
  const fitted = (text: PeerText | string, used: number) => {
    const line = forTerminalLine(text);
    return width === undefined ? line : cut(line, Math.max(20, width - used));
  };
  if (event.kind === 'broker') {
    return `${colors.dim(time)} ${colors.yellow(brokerNews(event))}`;
  }
  if (event.kind === 'message') {
    const { from, to, preview, priority, intent } = event.message;
    const names = to.map(({ name }) => name).join(', ');
    const marks = [...(priority === 'normal' ? [] : [priority]), ...(intent === 'request' ? ['request'] : [])];
    const mark = marks.length === 0 ? '' : ` [${marks.join(', ')}]`;
    const urgent = priority === 'critical' || priority === 'warning';
    const used = time.length + from.name.length + names.length + mark.length + 7;
    const head = `${colors.bold(from.name)} ${colors.cyan('→')} ${colors.bold(names)}`;
    return `${colors.dim(time)} ${head}${(urgent ? colors.red : colors.yellow)(mark)}: ${fitted(preview, used)}`;
  }
  const { peer } = event;
  const where = isEmpty(peer.cwd) ? '' : ` in ${forTerminalLine(peer.cwd)}`;
  const said = {
    came: `+ ${peer.name} (${peer.kind}) is here${where}`,
    left: `- ${peer.name} (${peer.kind}) has left`,
    changed: `~ ${peer.name} ${event.kind === 'changed' ? event.what : ''}`,
  }[event.kind];
  const paint = { came: colors.green, left: colors.dim, changed: colors.magenta }[event.kind];
  return `${colors.dim(time)} ${paint(fitted(said, time.length + 1))}`;
}
