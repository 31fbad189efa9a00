/** A database with a clock that the test moves, the brokers that work on it, and people who write to each other. */
import type { PeerRecord } from '../../broker/store/common.ts';
import type { Cursor } from '../../broker/store/events.ts';
import type { EntryRecord } from '../../broker/store/messages.ts';
import type { PeerChanges } from '../../broker/store/peers.ts';
import type { Person } from '../../broker/store/persons.ts';
import type { Binding, Bound, Registration } from '../../broker/store/registering.ts';
import type { Counts, RetentionCuts } from '../../broker/store/retention.ts';
import type { Outgoing, Sent, SentTo } from '../../broker/store/sending.ts';
import type { SessionRecord } from '../../broker/store/sessions.ts';
import { type Engine, Store, type Unit } from '../../broker/store/store.ts';
import { type Effects, noEffects } from '../../broker/store/unit.ts';
import type {
  BrokerEvent,
  Confirmation,
  Conversation,
  InboxMessage,
  PushRoute,
  SessionEvidence,
} from '../../shared/contract/types.ts';
import { peerText, rawText } from '../../shared/peer-text.ts';

/** One database, wherever a driver keeps it. */
export interface StoreHost {
  /** Opens it, as one broker does; the first one makes it. Several may have it open. */
  open(now: number): Promise<Engine>;
  /** Removes it. */
  end(): Promise<void>;
}

/** A broker process: the database as it has it open, and its row among the instances. */
export interface Broker {
  readonly id: string;
  readonly store: Store;
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
export const LOG_START: Cursor = { xid: 0, seq: 0 };
/** The person whose sessions these are, and the peer by which agents reach them. */
export const USER: Person = { id: 'local', name: 'user' };
export const HUMAN_ID = 'the-human';
const HOST = 'host';

/** Cuts that nothing is older than; a test moves those it is about. */
export const KEEP_ALL: RetentionCuts = {
  undelivered_before: 0,
  absent_before: 0,
  confirmed_before: 0,
  orphaned_before: 0,
  peers_before: 0,
  sessions_before: 0,
  events_before: 0,
};

type Work<T> = (unit: Unit) => Promise<T>;

export class World {
  readonly #host: StoreHost;
  now = START;
  readonly #brokers: Broker[] = [];
  /** To which everybody talks at the moment. */
  #broker: Broker | undefined;
  #last = 0;
  /** Of each session: the number of its last request for mail, and of the last whose messages arrived. */
  readonly #requests = new Map<string, { last: number; received: number }>();
  /** Of each session: the number of its last attachment. */
  readonly #attachments = new Map<string, number>();
  #news = noEffects();

  private constructor(host: StoreHost) {
    this.#host = host;
  }

  static async create(host: StoreHost): Promise<World> {
    const world = new World(host);
    world.use(await world.startBroker());
    await world.write((u) => u.persons.ensure(USER, HOST, HUMAN_ID));
    return world;
  }

  id(prefix: string): string {
    this.#last += 1;
    return `${prefix}${String(this.#last).padStart(4, '0')}`;
  }

  pass(ms: number): void {
    this.now += ms;
  }

  // brokers

  get store(): Store {
    return this.broker.store;
  }

  get broker(): Broker {
    if (!this.#broker) throw new Error('no broker runs');
    return this.#broker;
  }

  /** One more opens the database. @param dead brokers whose end it has noticed */
  async startBroker(dead: readonly Broker[] = []): Promise<Broker> {
    const instance_id = this.id('broker-');
    const engine = await this.#host.open(this.now);
    const broker = { id: instance_id, store: new Store({ engine, instance_id, now: () => this.now }) };
    broker.store.onCommit((effects) => addTo(this.#news, effects));
    await broker.store.write(async (u) => {
      await bury(u, dead);
      await u.instances.start({ id: instance_id, host: HOST, pid: 4242 });
    });
    this.#brokers.push(broker);
    return broker;
  }

  /** Everybody talks to this one from now on. */
  use(broker: Broker): void {
    this.#broker = broker;
  }

  /** It goes in an orderly way. */
  async stopBroker(broker: Broker): Promise<void> {
    await broker.store.write((u) => bury(u, [broker]));
    await this.crashBroker(broker);
  }

  /** The broker in use notices that these have ended. */
  bury(dead: readonly Broker[]): Promise<void> {
    return this.write((u) => bury(u, dead));
  }

  /** Its process ends between two units of work. */
  async crashBroker(broker: Broker): Promise<void> {
    this.#brokers.splice(this.#brokers.indexOf(broker), 1);
    if (this.#broker === broker) this.#broker = this.#brokers[0];
    await broker.store.close();
  }

  /** The broker's process ends and another opens the same database. */
  async restart(): Promise<void> {
    const dead = this.broker;
    await this.crashBroker(dead);
    this.use(await this.startBroker([dead]));
  }

  async end(): Promise<void> {
    for (const { store } of this.#brokers) await store.close();
    await this.#host.end();
  }

  write<T>(work: Work<T>): Promise<T> {
    return this.store.write(work);
  }

  note<T>(work: Work<T>): Promise<T> {
    return this.store.note(work);
  }

  read<T>(look: Work<T>): Promise<T> {
    return this.store.read(look);
  }

  /** What commits of all brokers changed since this was asked last. */
  news(): Effects {
    const news = this.#news;
    this.#news = noEffects();
    return news;
  }

  /** The event log after that place, to its end. */
  async log(after: Cursor = LOG_START, of?: string): Promise<BrokerEvent[]> {
    return (await this.read((u) => u.events.after(after, 100_000, of))).events;
  }

  // sessions

  registration(over: Partial<Registration> = {}): Registration {
    const session_id = this.id('s');
    const new_peer_id = this.id('p');
    return {
      session_id,
      token_hash: `token of ${session_id}`,
      new_peer_id,
      person_id: USER.id,
      credential_hash: HOME,
      kind: 'claude',
      wanted_name: undefined,
      fallback_name: () => 'quiet-fox',
      earlier_peer_id: undefined,
      conversation: undefined,
      process: this.id('process-'),
      pid: 4242,
      host: peerText(HOST),
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
    const registered = await this.write((u) => u.registering.register(wanted));
    const { peer, session, attachment, resumed, superseded } = registered;
    this.#attachments.set(session.id, attachment);
    const { credential_hash } = wanted;
    const member: Member = { id: peer.id, name: peer.name, session, credential_hash };
    return { member, peer, attachment, resumed, superseded };
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
    return this.write((u) => u.registering.bind(binding));
  }

  /** The session as the broker finds it by its token, now. */
  sessionOf({ session }: Member): Promise<SessionRecord | undefined> {
    return this.read((u) => u.sessions.find(`token of ${session.id}`));
  }

  /** The same member as its session is now: it may serve another peer, or have ended. */
  async nowOf(member: Member): Promise<Member> {
    const session = await this.sessionOf(member);
    if (!session) throw new Error(`the session of ${member.name} is gone`);
    return { ...member, id: session.peer_id, session };
  }

  /** A connection to the broker holds the session. @returns the number of the attachment */
  async attach({ session }: Member): Promise<number | undefined> {
    const attached = await this.note((u) => u.sessions.attach(session.id));
    if (attached) this.#attachments.set(session.id, attached.attachment);
    return attached?.attachment;
  }

  /** The number of its session's last attachment. */
  attachmentOf({ session }: Member): number {
    return this.#attachments.get(session.id) ?? 0;
  }

  /** No connection to the broker holds it any more. @returns the peer that nobody serves now */
  detach(member: Member, attachment = this.attachmentOf(member)): Promise<string | undefined> {
    return this.note((u) => u.sessions.detach(member.session.id, attachment));
  }

  endSession({ session }: Member, reason = 'closed', unseen: readonly string[] = []): Promise<void> {
    return this.write((u) => u.sessions.end(session.id, reason, unseen));
  }

  endDetachedBefore(cut: number): Promise<string[]> {
    return this.write((u) => u.sessions.endDetachedBefore(cut));
  }

  // peers

  findPeer(ref: string): Promise<PeerRecord | undefined> {
    return this.read((u) => u.peers.find(ref));
  }

  listPeers(options: Parameters<Unit['peers']['list']>[0]): Promise<PeerRecord[]> {
    return this.read((u) => u.peers.list(options));
  }

  rename({ id }: { readonly id: string }, name: string): Promise<PeerRecord | undefined> {
    return this.write((u) => u.peers.rename(id, name));
  }

  update({ id }: Member, changes: PeerChanges): Promise<PeerRecord> {
    return this.write((u) => u.peers.update(id, changes));
  }

  counts(): Promise<Counts> {
    return this.read((u) => u.retention.counts());
  }

  applyRetention(cuts: Partial<RetentionCuts>): Promise<number> {
    return this.write((u) => u.retention.apply({ ...KEEP_ALL, ...cuts }));
  }

  // messages

  outgoing(
    from: Member,
    to: string | readonly string[],
    text: string,
    { priority = 'normal', reply_to, key }: SendOptions = {},
  ): Outgoing {
    return {
      id: this.id('m'),
      sender_id: from.id,
      session_id: from.session.id,
      to: typeof to === 'string' ? [to] : to,
      text: peerText(text),
      reply_to,
      intent: 'inform',
      priority,
      idempotency_key: key,
    };
  }

  /** Messages that are sent together. */
  sendAll(outgoing: readonly Outgoing[], waiting: readonly Member[] = []): Promise<Sent[]> {
    const held = this.waiting(waiting);
    return this.write((u) => u.sending.send(outgoing, held));
  }

  async trySend(from: Member, to: string | readonly string[], text: string, options: SendOptions = {}): Promise<Sent> {
    const [sent] = await this.sendAll([this.outgoing(from, to, text, options)], options.waiting);
    if (!sent) throw new Error('no result');
    return sent;
  }

  /** @returns the message's id */
  async send(from: Member, to: Member | readonly Member[], text: string, options: SendOptions = {}): Promise<string> {
    const ids = [to].flat().map(({ id }) => id);
    const sent = await this.trySend(from, ids, text, options);
    if (!sent.ok) throw new Error(`refused: ${sent.reason}`);
    return sent.message_id;
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
    const messages = await this.take(member, requests.last, again ? 0 : requests.received);
    if (messages.length > 0) requests.received = requests.last;
    return messages;
  }

  /** The session asks for its mail, and the answer gets lost. @returns what was in it */
  async loseAnswer(member: Member): Promise<InboxMessage[]> {
    const requests = this.#requestsOf(member);
    requests.last += 1;
    return this.take(member, requests.last, requests.received);
  }

  /** As a broker answers a request for mail: most looks are in vain and take no transaction. */
  async take({ session }: Member, number: number, received: number): Promise<InboxMessage[]> {
    const request = { number, received };
    if (!(await this.read((u) => u.mailbox.hasNext(session, request)))) return [];
    return this.note((u) => u.mailbox.lease(session, request));
  }

  /** The texts that this session gets now. */
  async texts(member: Member, again = false): Promise<string[]> {
    return (await this.lease(member, again)).map(({ text }) => rawText(text));
  }

  confirm(member: Member, ids: readonly string[], evidence: SessionEvidence = 'tool-response'): Promise<string[]> {
    return this.confirmAll(
      member,
      ids.map((message_id) => ({ message_id, evidence })),
    );
  }

  confirmAll({ session }: Member, confirmations: readonly Confirmation[]): Promise<string[]> {
    return this.note((u) => u.mailbox.confirm(session, confirmations));
  }

  notePush({ session }: Member, ids: readonly string[], route: PushRoute, error?: string): Promise<string[]> {
    const why = error === undefined ? undefined : peerText(error);
    return this.note((u) => u.mailbox.notePush(session, ids, route, why));
  }

  renew({ session }: Member): Promise<void> {
    return this.note((u) => u.mailbox.renew([session.id]));
  }

  peek({ id }: Member, limit: number): Promise<InboxMessage[]> {
    return this.read((u) => u.mailbox.peek(id, limit));
  }

  unread({ id }: { readonly id: string }): Promise<number> {
    return this.read((u) => u.mailbox.unread(id));
  }

  findMessage(message_id: string) {
    return this.read((u) => u.messages.find(message_id));
  }

  /** The one mailbox entry of a message, or that of one of its recipients. */
  async entry(message_id: string, of?: Member): Promise<EntryRecord> {
    const found = await this.findMessage(message_id);
    const entries = (found?.entries ?? []).filter(({ to }) => of === undefined || to.id === of.id);
    const [record] = entries;
    if (!record || entries.length !== 1) throw new Error(`${message_id} has ${entries.length} entries, not one`);
    return record;
  }

  // mail that nobody takes

  orphans(undelivered_ms: number, limit: number) {
    return this.read((u) => u.orphans.list(undelivered_ms, limit));
  }

  /** @returns the messages that were moved */
  async requeue(message_id: string, to: Member, from?: Member): Promise<string[]> {
    return moved(await this.write((u) => u.orphans.requeue({ message_id, from: from?.id }, to.id)));
  }

  async requeueOrphans(of: Member, to: Member): Promise<string[]> {
    return moved(await this.write((u) => u.orphans.requeue({ orphans_of: of.id }, to.id)));
  }
}

function moved(done: { moved: string[] } | { ambiguous: string[] }): string[] {
  if ('ambiguous' in done) throw new Error(`it waits for several: ${done.ambiguous}`);
  return done.moved;
}

function addTo(news: Effects, { events, wakes, handed, ended, moved }: Effects): void {
  news.events.push(...events);
  news.handed.push(...handed);
  for (const id of wakes) news.wakes.add(id);
  for (const id of ended) news.ended.add(id);
  for (const [id, peer_id] of moved) news.moved.set(id, peer_id);
}

/** These brokers are gone: whoever was attached to them has to attach again. */
async function bury(u: Unit, brokers: readonly Broker[]): Promise<void> {
  await u.sessions.detachAllOf(brokers.map(({ id }) => id));
  for (const { id } of brokers) await u.instances.remove(id);
}

/** What became of a message for its only recipient. @throws where it was refused, or has several */
export function sentToOne(sent: Sent): SentTo {
  const [one, ...others] = sent.ok ? sent.to : [];
  if (!one || others.length > 0) throw new Error(`not sent to one: ${JSON.stringify(sent)}`);
  return one;
}
