/** Who this session is: what it shows the broker to be the peer that it was before, and where it runs. */
import { randomUUID } from 'node:crypto';
import type { Env } from '../shared/config.ts';
import type { Conversation, Peer, PushRoute, Request, Response } from '../shared/contract/types.ts';
import { toPeersError } from '../shared/errors.ts';
import { Whereabouts } from './context.ts';
import { conversationOf, type HomeCredential, homeCredential } from './identity.ts';
import type { SessionLog } from './log.ts';
import type { ClientSide } from './push/choose.ts';
import { fitBranch, fitRegistration } from './registration.ts';
import type { ToolContext } from './tools/tool.ts';

export interface SelfOptions {
  readonly side: ClientSide;
  readonly env: Env;
  /** AGENT_PEERS_HOME. */
  readonly home: string;
  readonly cwd: string;
  readonly log: SessionLog;
  /** Tells the broker; must not throw. */
  report(changes: { branch: string }): void;
}

export class Self {
  readonly #options: SelfOptions;
  readonly #process = randomUUID();
  readonly #whereabouts: Whereabouts;
  #client = { name: 'unknown', version: '0' };
  #credential: HomeCredential | undefined;
  #conversation: Conversation | undefined;
  /** The broker did not let this session have it: not asked for again. */
  #refused: string | undefined;
  /** The peer that this process serves: it outlives a broker that forgot the session. */
  #peerId: string | undefined;

  constructor(options: SelfOptions) {
    const { side, env, cwd, log, report } = options;
    this.#options = options;
    const conversation = env['CLAUDE_CODE_SESSION_ID'];
    if (side === 'claude' && conversation) this.#conversation = conversationOf('claude', 'claude', conversation);
    this.#whereabouts = Whereabouts.of(cwd, env, {
      log,
      onBranch: (branch) => report({ branch: fitBranch(branch) }),
    });
  }

  /** The client said who it is. */
  initialized(info: { name?: unknown; version?: unknown } | undefined): void {
    this.#client = { name: String(info?.name ?? 'unknown'), version: String(info?.version ?? '0') };
  }

  get clientName(): string {
    return this.#client.name;
  }

  /** `PEER_NAME`, if the user named this session. */
  get wantedName(): string | undefined {
    return this.#options.env['PEER_NAME'] || undefined;
  }

  get #kind(): Conversation['client'] {
    if (this.#options.side === 'claude') return 'claude';
    return /codex/i.test(this.#client.name) ? 'codex' : 'other';
  }

  /** @throws PeersError as {@link homeCredential} */
  async registration(push_route: PushRoute): Promise<Request<'registerSession'>> {
    const name = this.wantedName;
    return fitRegistration({
      kind: this.#kind,
      ...(name === undefined ? {} : { name }),
      credential: this.#provenBy(),
      ...(this.#peerId === undefined ? {} : { peer_id: this.#peerId }),
      ...(this.#conversation ? { conversation: this.#conversation } : {}),
      process: this.#process,
      pid: process.pid,
      ...(await this.#whereabouts.place()),
      client: this.#client,
      push_route,
    });
  }

  registered({ peer }: Response<'registerSession'>): void {
    this.#peerId = peer.id;
    this.#refused = undefined;
  }

  /** Peers see the branch: looks again now and then. */
  refreshPlace(): void {
    this.#whereabouts.refresh();
  }

  /**
   * Learns from a call which conversation it belongs to; from then on this session is the peer of that conversation.
   * @returns the peer, where the session is another one than before
   */
  async bind(thread: string, call: ToolContext['call']): Promise<Peer | undefined> {
    const conversation = conversationOf(this.#kind, this.#client.name, thread);
    const { id } = conversation;
    if (this.wantedName !== undefined || id === this.#conversation?.id || id === this.#refused) return undefined;
    try {
      // it comes with the registration: before, there may be no broker yet that has made the secret
      if (!this.#credential) await call('whoami', {});
      const binding = { conversation, credential: this.#provenBy() };
      const { peer, allowed, adopted } = await call('bindConversation', binding);
      if (!allowed) {
        this.#refused = id;
        this.#options.log.warn('the broker did not bind the conversation: it belongs to another kind of session');
        return undefined;
      }
      this.#conversation = conversation;
      this.#peerId = peer.id;
      return adopted ? peer : undefined;
    } catch (error) {
      // the tool itself will say what is wrong with the broker; the next call binds
      this.#options.log.warn('could not bind the conversation', { code: toPeersError(error).code });
      return undefined;
    }
  }

  /** The same as long as the process lives, whatever becomes of the file: the broker knows this session by it. */
  #provenBy(): string {
    const mine = this.#credential;
    if (mine && !mine.unsaved) return mine.credential;
    const { credential, unsaved } = homeCredential(this.#options.home, mine?.credential);
    if (unsaved) {
      const { code, message } = unsaved;
      this.#options.log.warn('the credential is not on disk yet', { code, message });
    }
    this.#credential = { credential: mine?.credential ?? credential, unsaved };
    return this.#credential.credential;
  }
}
