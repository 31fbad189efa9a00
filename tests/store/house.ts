/** Users, homes and processes beside the real store and the real credential files, with what should become of each mailbox. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { homeCredential } from '../../session/identity.ts';
import type { Conversation } from '../../shared/contract/types.ts';
import { ensureSecret, hashToken, secretPath } from '../../shared/secret.ts';
import { sqliteHost } from './sqlite-host.ts';
import { type Member, World } from './world.ts';

export const HOMES = 2;

/** How a user starts a session. */
export interface Start {
  readonly home: number;
  readonly name: string | undefined;
  readonly conversation: string | undefined;
}

/** What is known of a mailbox. */
interface Mailbox {
  readonly home: number;
  /** Every `PEER_NAME` it was started with, in lower case. */
  readonly names: Set<string>;
  /** What it was renamed to last, in lower case. */
  renamed: string | undefined;
  /** The conversations that lead to it. */
  readonly conversations: Set<string>;
  /** Messages that nobody has read. */
  readonly mail: Set<string>;
}

/** A process with a session. */
export interface Tab {
  /** With the conversation that it serves now. */
  start: Start;
  readonly process: string;
  member: Member;
}

function conversationOf(id: string): Conversation {
  return { client: 'claude', id };
}

export class House {
  readonly world: World;
  readonly #folders = Array.from({ length: HOMES }, () => mkdtempSync(join(tmpdir(), 'agent-peers-identity-')));
  readonly boxes = new Map<string, Mailbox>();
  readonly tabs = new Set<Tab>();
  /** Processes that the broker gave up, and that may come back. */
  readonly away: Tab[] = [];

  private constructor(world: World) {
    this.world = world;
    for (const folder of this.#folders) ensureSecret(folder);
  }

  static async open(): Promise<House> {
    return new House(await World.create(sqliteHost()));
  }

  async close(): Promise<void> {
    await this.world.end();
    for (const folder of this.#folders) rmSync(folder, { recursive: true });
  }

  credential(home: number): string {
    return hashToken(homeCredential(this.#folders[home] ?? '').credential);
  }

  /** A new secret, as after somebody read the old one. */
  renewSecret(home: number): void {
    this.credential(home);
    const folder = this.#folders[home] ?? '';
    rmSync(secretPath(folder));
    ensureSecret(folder);
  }

  box(peer_id: string): Mailbox {
    const box = this.boxes.get(peer_id);
    if (!box) throw new Error(`no mailbox ${peer_id}`);
    return box;
  }

  serving(peer_id: string): Tab | undefined {
    return [...this.tabs].find((tab) => tab.member.id === peer_id);
  }

  /** Nobody uses it, or an older process of the same conversation, which gives way. */
  isFree(peer_id: string, { conversation }: Start): boolean {
    const user = this.serving(peer_id);
    return !user || (conversation !== undefined && user.start.conversation === conversation);
  }

  /** The mailboxes that were made for this start. */
  madeFor({ home, name, conversation }: Start): string[] {
    const key = name?.toLowerCase();
    const isMade = ({ names, renamed, conversations }: Mailbox) =>
      key === undefined
        ? conversation !== undefined && conversations.has(conversation)
        : names.has(key) || (names.size > 0 && renamed === key);
    return [...this.boxes].filter(([, box]) => box.home === home && isMade(box)).map(([id]) => id);
  }

  register({ home, name, conversation }: Start, process: string, earlier_peer_id?: string) {
    return this.world.register({
      wanted_name: name,
      conversation: conversation === undefined ? undefined : conversationOf(conversation),
      credential_hash: this.credential(home),
      process,
      earlier_peer_id,
      fallback_name: () => 'quiet-fox',
      is_live: this.#isLive,
    });
  }

  readonly #isLive = ({ id }: { id: string }) => [...this.tabs].some(({ member }) => member.session.id === id);

  /** It gets a mailbox that was made for it, and one of its own only where there is none or all are in use. */
  async start(start: Start): Promise<Tab> {
    const free = this.madeFor(start).filter((id) => this.isFree(id, start));
    const process = randomUUID();
    const { member, resumed } = await this.register(start, process);
    if (resumed) expect(free).toContain(member.id);
    else expect(free).toEqual([]);
    return this.#enter({ start, process, member });
  }

  /** A process that was given up registers again, after others may have taken its mailbox. */
  async comeBack(tab: Tab): Promise<void> {
    const { start, process, member } = tab;
    const isNamed = start.name !== undefined;
    const made = this.madeFor(start);
    const choices = isNamed ? [member.id, ...made] : [...made, member.id];
    const registered = await this.register(start, process, member.id).catch((error: unknown) => error);
    if (registered instanceof Error) {
      // only a newer process of its conversation keeps it away
      expect(registered).toMatchObject({ code: 'session_superseded' });
      expect(choices.some((id) => this.serving(id) && this.isFree(id, start))).toBe(true);
      return;
    }
    const again = registered as Awaited<ReturnType<House['register']>>;
    const [first] = choices.filter((id) => !this.serving(id));
    if (first === undefined) expect(again.resumed).toBe(false);
    else if (isNamed && first !== member.id) expect(choices).toContain(again.peer.id);
    else expect(again.peer.id).toBe(first);
    expect(this.serving(again.peer.id)).toBeUndefined();
    this.#enter({ start, process, member: again.member });
  }

  #enter(tab: Tab): Tab {
    const { start, member } = tab;
    if (!this.boxes.has(member.id)) this.boxes.set(member.id, emptyBox(start.home));
    this.#giveWay(member.id, tab);
    if (start.name !== undefined) this.box(member.id).names.add(start.name.toLowerCase());
    if (start.conversation !== undefined) this.#lead(start.conversation, member.id, start.name === undefined);
    return tab;
  }

  #giveWay(peer_id: string, tab: Tab): void {
    const older = this.serving(peer_id);
    if (older) this.tabs.delete(older);
    this.tabs.add(tab);
  }

  /** From now on the conversation leads to this mailbox; where a name led there, only if it led nowhere before. */
  #lead(conversation: string, peer_id: string, always: boolean): void {
    const { home } = this.box(peer_id);
    const before = [...this.boxes.values()].find((box) => box.home === home && box.conversations.has(conversation));
    if (before && !always) return;
    before?.conversations.delete(conversation);
    this.box(peer_id).conversations.add(conversation);
  }

  /** Its user turns to another conversation. */
  async bind(tab: Tab, conversation: string): Promise<void> {
    const { member } = tab;
    const start = { ...tab.start, conversation };
    const free = this.madeFor(start).find((id) => this.isFree(id, start));
    const bound = await this.world.bind(member, conversationOf(conversation), { is_live: this.#isLive });
    const { id } = bound.peer;
    expect(bound.allowed).toBe(true);
    expect(id).toBe(free ?? member.id);
    tab.start = start;
    tab.member = { ...member, id, session: { ...member.session, peer_id: id } };
    this.tabs.delete(tab);
    this.#giveWay(id, tab);
    this.#lead(conversation, id, true);
  }

  async end(tab: Tab, reason: string): Promise<void> {
    await this.world.endSession(tab.member, reason);
    this.tabs.delete(tab);
  }

  /** Everything that waits for this session's peer was written to it, and it is all there. */
  async read({ member }: Tab): Promise<void> {
    const got = await this.world.lease(member, true);
    const { mail } = this.box(member.id);
    expect(new Set(got.map(({ message_id }) => message_id))).toEqual(mail);
    await this.world.confirm(member, [...mail]);
    mail.clear();
  }
}

function emptyBox(home: number): Mailbox {
  return { home, names: new Set(), renamed: undefined, conversations: new Set(), mail: new Set() };
}
