/** The session's link to the broker, with a broker that answers as the test says and takes the time that it says. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BrokerLink, type LinkedBroker } from '../../session/link.ts';
import { newPatience, type Patience } from '../../session/patience.ts';
import { ANSWER_TIMEOUT_MS, type CallOptions } from '../../shared/client.ts';
import { readLocation } from '../../shared/config.ts';
import type { OperationName, PushNote, Request } from '../../shared/contract/types.ts';
import { type ErrorCode, PeersError } from '../../shared/errors.ts';
import { codeOf } from '../helpers/peer.ts';
import { until } from '../helpers/until.ts';

interface Call extends CallOptions {
  readonly name: OperationName;
  readonly body: Record<string, unknown>;
}

const REGISTERED = { session_id: 's1', token: 'token', peer: {}, resumed: false };

function failure(code: ErrorCode): PeersError {
  return new PeersError(code, 'It failed.', 'Try again.');
}

function forEver(signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(failure('cancelled')));
  });
}

class FakeBroker implements LinkedBroker {
  readonly brokerVersion = undefined;
  readonly calls: Call[] = [];
  /** Where none can be found; undefined: it is there. */
  missing: ErrorCode | undefined;
  /** What the session's own calls get. */
  answers: (call: Call) => Promise<unknown> = async () => ({});

  async ensure(): Promise<void> {
    if (this.missing) throw failure(this.missing);
  }

  call: LinkedBroker['call'] = async (name, body, options = {}) => {
    const call = { ...options, name, body: body as Record<string, unknown> };
    this.calls.push(call);
    const answer =
      name === 'registerSession' ? REGISTERED : name === 'nextMessages' ? forEver(options.signal) : this.answers(call);
    return (await answer) as never;
  };

  close(): void {}

  named(name: OperationName): Call[] {
    return this.calls.filter((call) => call.name === name);
  }
}

let broker: FakeBroker;
let link: BrokerLink;
beforeEach(() => {
  broker = new FakeBroker();
  link = new BrokerLink({
    location: readLocation({ HOME: '/nowhere' }),
    brokerEntry: '/nowhere/broker.js',
    env: {},
    log: { info: () => {}, warn: () => {} },
    registration: async () => ({}) as Request<'registerSession'>,
    onRegistered: () => {},
    onMessages: () => {},
    onNotesFailed: () => {},
    broker,
  });
});
afterEach(() => link.close([]));

/** Resolves when the request for mail is held. */
async function ready(): Promise<void> {
  link.start();
  await until(() => broker.named('nextMessages').length > 0);
}

describe('a call', () => {
  it('that was cancelled before it began fails at once, also while there is no broker', async () => {
    broker.missing = 'broker_unavailable';
    link.start();
    expect(await codeOf(link.call('whoami', {}, AbortSignal.abort()))).toBe('cancelled');
  });

  it('that is cancelled while it waits for a broker fails at once', async () => {
    broker.missing = 'broker_unavailable';
    link.start();
    const cancelled = new AbortController();
    const call = codeOf(link.call('whoami', {}, cancelled.signal));
    cancelled.abort();
    expect(await call).toBe('cancelled');
  });

  it('waits as long as its patience lasts, says so, and leaves nothing of it', async () => {
    broker.missing = 'broker_unresponsive';
    link.start();
    expect(newPatience()).toEqual({ leftMs: 30_000 });
    const patience: Patience = { leftMs: 100 };
    const whoami = () => link.call('whoami', {}, undefined, patience);
    await expect(whoami()).rejects.toMatchObject({
      code: 'broker_unresponsive',
      message: expect.stringContaining('This call waited 30 s'),
    });
    expect(patience.leftMs).toBe(0);
    // what belongs together shares the time
    expect(await codeOf(whoami())).toBe('broker_unresponsive');
  });

  it('that has waited is answered once a broker is there', async () => {
    broker.missing = 'broker_unresponsive';
    link.start();
    const call = link.call('whoami', {});
    await until(() => link.state.failure !== undefined);
    broker.missing = undefined;
    expect(await call).toEqual({});
  });

  it('with little time left takes the link down for nobody else', async () => {
    await ready();
    broker.answers = async ({ timeoutMs = ANSWER_TIMEOUT_MS }) => {
      if (timeoutMs >= ANSWER_TIMEOUT_MS) return {};
      await delay(timeoutMs);
      throw failure('broker_unresponsive');
    };
    await expect(link.call('whoami', {}, undefined, { leftMs: 100 })).rejects.toMatchObject({
      code: 'broker_unresponsive',
      hint: expect.stringContaining('The broker may still do what was asked'),
    });
    expect(link.state).toEqual({ is: 'ready', failure: undefined });
    expect(await link.call('whoami', {})).toEqual({});
    // one request for mail, never broken off
    expect(broker.named('nextMessages')).toHaveLength(1);
  });

  it('that got no answer in the full time takes the link down, and is made again', async () => {
    await ready();
    broker.answers = async () => {
      if (broker.named('whoami').length === 1) throw failure('broker_unresponsive');
      return {};
    };
    expect(await link.call('whoami', {})).toEqual({});
    await until(() => broker.named('nextMessages').length === 2);
  });
});

describe('notes on pushes', () => {
  it('go along with the next request for mail as long as there is room; the others need one of their own', async () => {
    const note = (i: number): PushNote => ({ message_ids: [`m${i}`], route: 'channel' });
    const taken = Array.from({ length: 101 }, (_, i) => link.takeAlong(note(i)));
    expect(taken).toEqual([...Array<boolean>(100).fill(true), false]);
    await ready();
    expect(broker.named('nextMessages')[0]?.body['pushed']).toEqual(Array.from({ length: 100 }, (_, i) => note(i)));
    expect(link.takeAlong(note(101))).toBe(false);
  });
});

it('a registration has the deadline of every call: repeated, it leads to the same peer', async () => {
  await ready();
  expect(broker.named('registerSession').map(({ timeoutMs }) => timeoutMs)).toEqual([undefined]);
});
