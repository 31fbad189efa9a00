/** The event log as a program reads it: live, with a cursor that skips nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrokerEvent } from '../../shared/contract/types.ts';
import { followEvents } from '../../shared/event-stream.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

let box: Sandbox;
let ann: Peer;
let bob: Peer;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
  ann = await Peer.register(box.client, 'ann');
  bob = await Peer.register(box.client, 'bob');
});
afterAll(() => box.close());

/** Reads until told to stop. */
class Reader {
  readonly events: BrokerEvent[] = [];
  cursor: string | undefined;
  failure: unknown;
  readonly #stop = new AbortController();
  readonly #opened: Promise<void>;

  private constructor(after: string | undefined, token: string | undefined) {
    this.cursor = after;
    this.#opened = new Promise((resolve) => {
      void this.#run(token, resolve);
    });
  }

  static async open(after?: string, token?: string): Promise<Reader> {
    const reader = new Reader(after, token);
    await reader.#opened;
    return reader;
  }

  async #run(token: string | undefined, opened: () => void): Promise<void> {
    const options = { after: this.cursor, signal: this.#stop.signal, ...(token && { token }) };
    try {
      for await (const { cursor, events } of followEvents(box.client, options)) {
        this.cursor = cursor;
        this.events.push(...events);
        opened();
      }
    } catch (error) {
      this.failure = error;
    }
    opened();
  }

  of(message_id: string): [string, string | null][] {
    return this.events.filter((event) => event.message_id === message_id).map(({ kind, state }) => [kind, state]);
  }

  stop(): void {
    this.#stop.abort();
  }
}

describe('the event log', () => {
  it('tells what becomes of a message, in its order, in ids and never in words', async () => {
    const reader = await Reader.open();
    const { message_id } = await ann.send('bob', 'the secret plan');
    await bob.waiting();
    await bob.call('notePush', { message_ids: [message_id], route: 'channel' });
    await bob.call('confirmMessages', { confirmations: [{ message_id, evidence: 'tool-response' }] });
    const seen = await until(() => reader.of(message_id).length === 4 && reader.of(message_id));
    expect(seen).toEqual([
      ['message.sent', null],
      ['message.leased', null],
      ['message.pushed', 'channel'],
      ['message.confirmed', 'tool-response'],
    ]);
    expect(reader.events[0]).toMatchObject({ peer_id: bob.id, other_id: ann.id });
    expect(JSON.stringify(reader.events)).not.toContain('secret plan');
    reader.stop();
  });

  it('tells of peers: registered, online, changed, renamed, offline', async () => {
    const reader = await Reader.open();
    const cat = await Peer.register(box.client, 'cat');
    await cat.call('updatePeer', { status: 'dnd' });
    await cat.call('renamePeer', { new_name: 'tom' });
    await cat.call('reportSession', { activity: 'busy' });
    await cat.call('closeSession', {});
    const mine = () =>
      reader.events.filter(({ peer_id }) => peer_id === cat.id).map(({ kind, state }) => [kind, state]);
    await until(() => mine().length === 6);
    expect(mine()).toEqual([
      ['peer.registered', 'cat'],
      ['peer.online', null],
      ['peer.changed', 'dnd'],
      ['peer.renamed', 'tom'],
      ['peer.busy', null],
      ['peer.offline', null],
    ]);
    reader.stop();
  });

  it('shows a session what concerns its peer, and nothing else', async () => {
    const reader = await Reader.open(undefined, ann.token);
    const others = await bob.send('operator', 'not for ann');
    const to = await ann.send('bob', 'from ann');
    const from = await bob.send('ann', 'to ann');
    await until(() => reader.of(from.message_id).length > 0);
    expect(reader.of(to.message_id)).toEqual([['message.sent', null]]);
    expect(reader.of(others.message_id)).toEqual([]);
    reader.stop();
  });

  it('goes on where a reader left it, across a broker that is killed: nothing missing, nothing twice', async () => {
    const whole = await Reader.open();
    const seen: BrokerEvent[] = [];
    let cursor = whole.cursor;
    const sent: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const reader = await Reader.open(cursor);
      for (let i = 0; i < 20; i += 1) sent.push((await ann.send('operator', `${round} ${i}`)).message_id);
      // it leaves at some point, having seen some of them
      await until(() => reader.events.length > round);
      reader.stop();
      seen.push(...reader.events);
      cursor = reader.events.at(-1)?.cursor ?? cursor;
      if (round !== 2) continue;
      process.kill(await box.brokerPid(), 'SIGKILL');
      await until(() => whole.failure !== undefined);
      await box.broker();
    }
    const last = await Reader.open(cursor);
    await until(() => last.of(sent.at(-1) ?? '').length > 0);
    seen.push(...last.events);
    last.stop();
    const told = seen.filter(({ kind }) => kind === 'message.sent').map(({ message_id }) => message_id);
    expect(told).toEqual(sent);
  });

  it('ends for a session that ended', async () => {
    const dan = await Peer.register(box.client, 'dan');
    const reader = await Reader.open(undefined, dan.token);
    await dan.call('closeSession', {});
    await until(() => reader.failure !== undefined);
    expect(await codeOf(followEvents(box.client, { token: dan.token }).next())).toBe('session_stale');
  });

  it('refuses what is no cursor, and one whose events are gone', async () => {
    expect(await codeOf(followEvents(box.client, { after: 'yesterday' }).next())).toBe('invalid_request');
    expect(await codeOf(followEvents(box.client, { token: 'x'.repeat(43) }).next())).toBe('session_stale');
  });
});
