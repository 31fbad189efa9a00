/** A store with a clock that the test moves, and people who write to each other through it. */
import type {
  Binding,
  Bound,
  Registration,
  RetentionCuts,
  Sent,
  SessionRecord,
  Store,
} from '../../broker/store/store.ts';
import type { Confirmation, Conversation, Evidence, InboxMessage } from '../../shared/contract/types.ts';
import { peerText, rawText } from '../../shared/peer-text.ts';

/** One database, wherever a driver keeps it. */
export interface StoreHost {
  open(now: number): Promise<Store>;
  /** Removes the database. */
  end(): Promise<void>;
}

/** A peer with the session that serves it. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly session: SessionRecord;
  /** By which a later process is this peer again. */
  readonly credential_hash: string;
}

export interface SendOptions {
  readonly priority?: 'info' | 'normal' | 'warning' | 'critical';
  readonly reply_to?: string;
  readonly key?: string;
  /** Those whose sessions hold a request for mail meanwhile. */
  readonly waiting?: readonly Member[];
}

/** What everybody shows who does not say otherwise. */
const HOME = 'hash of the credential of this home';
export const DAY_MS = 24 * 60 * 60_000;
export const START = Date.UTC(2030, 0, 1, 12);

/** Cuts that nothing is older than; a test moves those it is about. */
export const KEEP_ALL: RetentionCuts = {
  undelivered_before: 0,
  absent_before: 0,
  confirmed_before: 0,
  orphaned_before: 0,
  peers_before: 0,
  sessions_before: 0,
};

export class World {
  readonly #host: StoreHost;
  now = START;
  store: Store;
  #last = 0;
  /** Of each session: the number of its last request for mail, and of the last whose messages arrived. */
  readonly #requests = new Map<string, { last: number; received: number }>();

  private constructor(host: StoreHost, store: Store) {
    this.#host = host;
    this.store = store;
  }

  static async create(host: StoreHost): Promise<World> {
    return new World(host, await host.open(START));
  }

  id(prefix: string): string {
    this.#last += 1;
    return `${prefix}${String(this.#last).padStart(4, '0')}`;
  }

  pass(ms: number): void {
    this.now += ms;
  }

  /** The broker's process ends and another opens the same database. */
  async restart(): Promise<void> {
    await this.store.close();
    this.store = await this.#host.open(this.now);
    await this.store.detachAll(this.now);
  }

  async end(): Promise<void> {
    await this.store.close();
    await this.#host.end();
  }

  registration(over: Partial<Registration> = {}): Registration {
    const session_id = this.id('s');
    const new_peer_id = this.id('p');
    return {
      session_id,
      token_hash: `token of ${session_id}`,
      new_peer_id,
      credential_hash: HOME,
      kind: 'claude',
      wanted_name: undefined,
      fallback_name: () => 'quiet-fox',
      earlier_peer_id: undefined,
      conversation: undefined,
      process: this.id('process-'),
      pid: 4242,
      host: peerText('host'),
      cwd: peerText('/code/app'),
      repo: peerText(''),
      branch: peerText(''),
      client: { name: 'test', version: '1' },
      push_route: 'none',
      is_live: () => true,
      ...over,
    };
  }

  async register(over: Partial<Registration> = {}) {
    const wanted = this.registration(over);
    const { peer, session, resumed, superseded } = await this.store.registerSession(wanted, this.now);
    const { credential_hash } = wanted;
    const member: Member = { id: peer.id, name: peer.name, session, credential_hash };
    return { member, peer, resumed, superseded };
  }

  async join(name: string, over: Partial<Registration> = {}): Promise<Member> {
    return (await this.register({ wanted_name: name, ...over })).member;
  }

  /** The client of this peer was started again: another process, the same credential. */
  async rejoin(member: Member, over: Partial<Registration> = {}): Promise<Member> {
    const { member: again, resumed } = await this.register({
      wanted_name: member.name,
      credential_hash: member.credential_hash,
      is_live: () => false,
      ...over,
    });
    if (!resumed) throw new Error(`${member.name} came back as another peer`);
    return again;
  }

  /** The session of this peer learns which conversation it serves. */
  bind({ session, credential_hash }: Member, conversation: Conversation, over: Partial<Binding> = {}): Promise<Bound> {
    const binding = { session_id: session.id, conversation, credential_hash, is_live: () => true, ...over };
    return this.store.bindConversation(binding, this.now);
  }

  async trySend(from: Member, to: string, text: string, options: SendOptions = {}): Promise<Sent> {
    const waiting = this.waiting(options.waiting);
    const [sent] = await this.store.sendMessages([this.outgoing(from, to, text, options)], this.now, waiting);
    if (!sent) throw new Error('no result');
    return sent;
  }

  outgoing(from: Member, to: string, text: string, { priority = 'normal', reply_to, key }: SendOptions = {}) {
    return {
      id: this.id('m'),
      sender_id: from.id,
      to,
      text: peerText(text),
      reply_to,
      intent: 'inform',
      priority,
      idempotency_key: key,
    } as const;
  }

  /** @returns the message's id */
  async send(from: Member, to: Member, text: string, options: SendOptions = {}): Promise<string> {
    const sent = await this.trySend(from, to.id, text, options);
    if (!sent.ok) throw new Error(`refused: ${sent.reason}`);
    return sent.record.message_id;
  }

  #requestsOf({ session }: Member) {
    const known = this.#requests.get(session.id) ?? { last: 0, received: 0 };
    this.#requests.set(session.id, known);
    return known;
  }

  /** What a broker tells the store of the sessions that hold a request, having looked. What those are handed arrives. */
  waiting(members: readonly Member[] = []) {
    const held = new Map(
      members.map((member) => {
        const requests = this.#requestsOf(member);
        requests.last += 1;
        requests.received = requests.last;
        return [member.id, { session: member.session, request: requests.last }];
      }),
    );
    return (peer_id: string) => held.get(peer_id);
  }

  /** @param again as if none of the answers before had arrived */
  async lease(member: Member, again = false): Promise<InboxMessage[]> {
    const requests = this.#requestsOf(member);
    requests.last += 1;
    const request = { number: requests.last, received: again ? 0 : requests.received };
    const messages = await this.store.leaseNext(member.session, request, this.now);
    if (messages.length > 0) requests.received = request.number;
    return messages;
  }

  /** The session asks for its mail, and the answer gets lost. @returns what was in it */
  async loseAnswer(member: Member): Promise<InboxMessage[]> {
    const requests = this.#requestsOf(member);
    requests.last += 1;
    return this.store.leaseNext(member.session, { number: requests.last, received: requests.received }, this.now);
  }

  /** The texts that this session gets now. */
  async texts(member: Member, again = false): Promise<string[]> {
    return (await this.lease(member, again)).map(({ text }) => rawText(text));
  }

  confirm(member: Member, ids: readonly string[], evidence: Evidence = 'tool-response'): Promise<string[]> {
    const confirmations: Confirmation[] = ids.map((message_id) => ({ message_id, evidence }));
    return this.store.confirm(member.id, confirmations, this.now);
  }

  /** The one mailbox entry of a message. */
  async entry(message_id: string) {
    const found = await this.store.findMessage(message_id);
    const [record] = found?.entries ?? [];
    if (!record || found?.entries.length !== 1) throw new Error(`${message_id} has no single entry`);
    return record;
  }
}
