/** What a session has to tell its broker is told in the end, whatever fails meanwhile. */
import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reports, type ReportsOptions } from '../../session/reports.ts';
import { type ErrorCode, PeersError } from '../../shared/errors.ts';

const PASSING = ['storage_full', 'database_read_only', 'internal', 'rate_limited', 'broker_unavailable'] as const;
const MOST = 1_000;

type Call = { name: string; body: Record<string, unknown> };

function failure(code: ErrorCode): PeersError {
  return new PeersError(code, 'It failed.', 'Try again.');
}

function idsIn({ body }: Call): string[] {
  const confirmations = body['confirmations'] as { message_id: string }[] | undefined;
  return confirmations ? confirmations.map(({ message_id }) => message_id) : ((body['message_ids'] as string[]) ?? []);
}

/** A broker that answers as told, and takes the time of the waits between tries. */
class FakeBroker {
  readonly calls: Call[] = [];
  readonly told: Call[] = [];
  readonly waits: number[] = [];
  readonly logged: string[] = [];
  /** The code that a call fails with; undefined: it is taken. */
  fails: (call: Call) => ErrorCode | undefined = () => undefined;
  /** Waits end with the session only. */
  waitsLong = false;
  readonly reports: Reports;

  constructor() {
    const log = (what: string) => void this.logged.push(what);
    const call = async (name: string, body: object) => {
      const made = { name, body: body as Record<string, unknown> };
      this.calls.push(made);
      await new Promise(setImmediate);
      const code = this.fails(made);
      if (code) throw failure(code);
      this.told.push(made);
      return {};
    };
    this.reports = new Reports({
      log: { info: log, warn: log },
      call: call as ReportsOptions['call'],
      sleep: async (ms, signal) => {
        this.waits.push(ms);
        await (this.waitsLong ? once(signal, 'abort') : new Promise(setImmediate));
      },
    });
  }

  confirm(...ids: string[]): void {
    this.reports.confirm(ids.map((message_id) => ({ message_id, evidence: 'tool-response' })));
  }
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `m${i}`);
}

describe('the reports of a session', () => {
  it('tells every confirmation, however often it fails for now, each in its order and in few calls', async () => {
    const outcome = fc.oneof(fc.constant(undefined), fc.constantFrom<ErrorCode[]>(...PASSING));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 1_500 }), { minLength: 1, maxLength: 5 }),
        fc.array(outcome),
        async (sizes, outcomes) => {
          const broker = new FakeBroker();
          const coming = [...outcomes];
          broker.fails = () => coming.shift();
          const ids: string[] = [];
          for (const size of sizes) {
            const more = Array.from({ length: size }, (_, i) => `m${ids.length + i}`);
            ids.push(...more);
            broker.confirm(...more);
            await new Promise(setImmediate);
          }
          while (broker.told.flatMap(idsIn).length < ids.length) await new Promise(setImmediate);
          expect(broker.told.flatMap(idsIn)).toEqual(ids);
          expect(Math.max(0, ...broker.calls.map((call) => idsIn(call).length))).toBeLessThanOrEqual(MOST);
          expect(broker.waits.every((ms) => ms > 0 && ms <= 1.5 * 5_000)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('drops what can never succeed, that alone, and says so', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.nat({ max: 299 }), { maxLength: 3 }),
        async (count, bad) => {
          const broker = new FakeBroker();
          const refused = new Set(bad.map((i) => `m${i}`));
          broker.fails = (call) => (idsIn(call).some((id) => refused.has(id)) ? 'invalid_request' : undefined);
          broker.confirm(...names(count));
          const good = names(count).filter((id) => !refused.has(id));
          while (broker.told.flatMap(idsIn).length < good.length) await new Promise(setImmediate);
          expect(broker.told.flatMap(idsIn)).toEqual(good);
          expect(broker.waits).toEqual([]);
          await broker.reports.close();
          const dropped = names(count).length - good.length;
          expect(broker.logged.filter((line) => line.includes('it is dropped'))).toHaveLength(dropped);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('waits longer from try to try, and logs the first failure and the end of it', async () => {
    const broker = new FakeBroker();
    let failures = 12;
    broker.fails = () => {
      failures -= 1;
      return failures >= 0 ? 'storage_full' : undefined;
    };
    broker.confirm('m0');
    while (broker.told.length === 0) await new Promise(setImmediate);
    expect(broker.waits).toHaveLength(12);
    expect(broker.waits[0]).toBeLessThanOrEqual(300);
    expect(broker.waits.at(-1)).toBeGreaterThanOrEqual(2_500);
    expect(broker.logged).toHaveLength(2);
  });

  it('sends everything else, where one alone always fails with an internal error, and that one once it can', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 300 }),
        fc.array(fc.nat({ max: 299 }), { minLength: 1, maxLength: 3 }),
        async (count, bad) => {
          const broker = new FakeBroker();
          const failing = new Set(bad.map((i) => `m${i % count}`));
          broker.fails = (call) => (idsIn(call).some((id) => failing.has(id)) ? 'internal' : undefined);
          broker.confirm(...names(count));
          const told = () => broker.told.flatMap(idsIn);
          const good = names(count).filter((id) => !failing.has(id));
          while (told().length < good.length) await new Promise(setImmediate);
          broker.confirm('later');
          while (told().length < good.length + 1) await new Promise(setImmediate);
          expect(told()).toEqual([...good, 'later']);
          failing.clear();
          while (told().length < count + 1) await new Promise(setImmediate);
          expect(told().sort()).toEqual([...names(count), 'later'].sort());
        },
      ),
      { numRuns: 50 },
    );
  });

  it('sends no older state after a newer one, where the older always failed', async () => {
    const broker = new FakeBroker();
    let failing = true;
    broker.fails = ({ body }) => (failing && body['branch'] === 'bad' ? 'internal' : undefined);
    broker.reports.report({ branch: 'bad', activity: 'busy' });
    while (!broker.told.some(({ body }) => body['activity'] === 'busy')) await new Promise(setImmediate);
    broker.reports.report({ branch: 'good' });
    while (!broker.told.some(({ body }) => body['branch'] === 'good')) await new Promise(setImmediate);
    failing = false;
    await broker.reports.close();
    expect(broker.told.at(-1)?.body).toEqual({ branch: 'good' });
  });

  it('does not let one kind wait for another', async () => {
    const broker = new FakeBroker();
    broker.fails = ({ name }) => (name === 'confirmMessages' ? 'storage_full' : undefined);
    broker.confirm('m0');
    broker.reports.note({ message_ids: ['m1'], route: 'channel' });
    broker.reports.report({ activity: 'idle' });
    while (broker.told.length < 2) await new Promise(setImmediate);
    expect(broker.told.map(({ name }) => name).sort()).toEqual(['notePush', 'reportSession']);
  });

  it('tells pushes of the same outcome together, and of changes only the last', async () => {
    const broker = new FakeBroker();
    let held = true;
    broker.fails = () => (held ? 'internal' : undefined);
    for (const message_id of ['m1', 'm2']) broker.reports.note({ message_ids: [message_id], route: 'channel' });
    broker.reports.note({ message_ids: ['m3'], route: 'channel', error: 'refused' });
    broker.reports.report({ activity: 'busy', push_route: 'none' });
    broker.reports.report({ activity: 'idle' });
    await new Promise(setImmediate);
    held = false;
    while (broker.told.length < 3) await new Promise(setImmediate);
    expect(broker.told.filter(({ name }) => name === 'notePush').map(({ body }) => body)).toEqual([
      { message_ids: ['m1', 'm2'], route: 'channel' },
      { message_ids: ['m3'], route: 'channel', error: 'refused' },
    ]);
    expect(broker.told.find(({ name }) => name === 'reportSession')?.body).toEqual({
      activity: 'idle',
      push_route: 'none',
    });
  });

  it.each([
    [1, 1],
    [2, 0],
  ])('is tried once more when the session ends: after %i failures %i call was taken', async (failures, taken) => {
    const broker = new FakeBroker();
    broker.waitsLong = true;
    broker.fails = () => (broker.calls.length <= failures ? 'storage_full' : undefined);
    broker.confirm('m0', 'm1');
    while (broker.waits.length === 0) await new Promise(setImmediate);
    await broker.reports.close();
    expect([broker.calls.length, broker.told.length]).toEqual([2, taken]);
  });

  it('tells nothing more of a session that another one took the place of', async () => {
    const broker = new FakeBroker();
    broker.fails = () => 'session_superseded';
    broker.confirm('m0', 'm1');
    await broker.reports.close();
    expect([broker.calls.length, broker.told.length]).toEqual([1, 0]);
  });
});
