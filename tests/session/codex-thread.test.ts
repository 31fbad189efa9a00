/** When a Codex thread is woken: each wake is a turn that its user pays for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ThreadStatus } from '../../session/push/app-server.ts';
import { CodexThread, type WakeClock } from '../../session/push/codex-thread.ts';
import type { InboxMessage } from '../../shared/contract/types.ts';
import { peerText } from '../../shared/peer-text.ts';
import { until } from '../helpers/until.ts';
import { CWD, FakeAppServer, THREAD } from './fake-app-server.ts';

const MINUTE = 60_000;
const BUSY = { type: 'active', activeFlags: [] } as const;
const IDLE = { type: 'idle' } as const;

const MESSAGE: InboxMessage = {
  message_id: 'm1',
  seq: 1,
  conversation_id: 'm1',
  from: { id: 'p1', name: 'alpha', kind: 'claude' },
  text: peerText('hello'),
  sent_at: '2026-01-01T00:00:00.000Z',
  reply_to: null,
  intent: 'inform',
  priority: 'normal',
  redelivered: false,
};

/** Stands still until told; whoever sleeps is seen. */
class Clock implements WakeClock {
  time = 1_000_000;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return this.time;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { until: this.time + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        resolve();
      });
    });
  }

  /** ms that each sleeper still has. */
  get sleeps(): number[] {
    return [...this.#sleepers].map((sleeper) => sleeper.until - this.time);
  }

  pass(ms: number): void {
    this.time += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until > this.time) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

let folder: string;
let server: FakeAppServer;
let thread: CodexThread;
let clock: Clock;
let terminals: number;
let log: string[];
/** How often the thread has told its activity: once for each change that it learnt of. */
let notes: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'peers-app-'));
  const socket = join(folder, 's.sock');
  server = await FakeAppServer.listen(socket);
  clock = new Clock();
  terminals = 1;
  log = [];
  notes = 0;
  let usable = false;
  const note = (what: string, facts?: object) => log.push(`${what} ${JSON.stringify(facts)}`);
  thread = new CodexThread({
    socket,
    threadId: THREAD,
    cwd: CWD,
    log: { info: note, warn: note },
    onUsable: (now) => {
      usable = now;
    },
    onActivity: () => {
      notes += 1;
    },
    terminals: async () => terminals,
    clock,
  });
  void thread.run();
  await until(() => usable);
});
afterEach(() => {
  thread.close();
  server.close();
  rmSync(folder, { recursive: true });
});

/** The daemon's thread changes, and the session has heard of it. */
async function becomes(status: ThreadStatus): Promise<void> {
  const before = notes;
  server.becomes(status);
  await until(() => notes > before, { what: `the session hears of ${status.type}` });
}

/** One message is pushed as soon as the thread may be woken, and the turn that it starts ends. */
async function wake(): Promise<void> {
  await thread.ready(() => false);
  const before = notes;
  await thread.push([MESSAGE]);
  await until(() => notes > before, { what: 'the turn has begun' });
  await becomes(IDLE);
}

/** How long a push that wants to go out now has to wait, in ms. */
async function pause(urgent: () => boolean = () => false): Promise<number> {
  void thread.ready(urgent);
  const [ms] = await until(() => clock.sleeps.length > 0 && clock.sleeps, { what: 'the push waits' });
  return ms ?? 0;
}

describe('an idle thread', () => {
  it('is woken at once', async () => {
    await wake();
    expect(server.calls.filter((method) => method === 'turn/start')).toHaveLength(1);
  });

  it('is not woken twice within 30 s', async () => {
    await wake();
    clock.pass(10_000);
    expect(await pause()).toBe(20_000);
    expect(server.calls.filter((method) => method === 'turn/start')).toHaveLength(1);
  });

  it('is woken ever more seldom while nobody but peers speaks, and as before once its user spoke', async () => {
    const pauses: number[] = [];
    for (let n = 0; n < 7; n += 1) {
      await wake();
      const waiting = thread.ready(() => false);
      const ms = await until(() => clock.sleeps[0]);
      pauses.push(ms);
      clock.pass(ms);
      await waiting;
    }
    expect(pauses).toEqual([0.5, 1, 2, 4, 8, 15, 15].map((minutes) => minutes * MINUTE));
    await becomes(BUSY);
    await becomes(IDLE);
    await wake();
    expect(await pause()).toBe(0.5 * MINUTE);
  });

  it('is woken for a critical message although others wait longer', async () => {
    let critical = false;
    for (let n = 0; n < 3; n += 1) {
      await wake();
      clock.pass(15 * MINUTE);
    }
    await wake();
    expect(await pause(() => critical)).toBe(4 * MINUTE);
    clock.pass(MINUTE);
    critical = true;
    const ready = thread.ready(() => critical);
    thread.reconsider();
    await ready;
  });

  it('that has idled for long is not woken once its terminal has gone', async () => {
    clock.pass(60 * MINUTE);
    terminals = 0;
    // it looks again now and then, and would believe in a terminal only after 65 s: the daemon unloads it before
    for (let waited = 0; waited < 60_000; waited += 5_000) {
      expect(await pause()).toBe(5_000);
      clock.pass(5_000);
    }
    expect(await pause()).toBe(5_000);
    expect(log.join('\n')).toContain('no terminal seems to show the thread');
    await becomes({ type: 'notLoaded' });
    await until(() => log.some((line) => line.includes('the thread is not loaded')));
    clock.pass(MINUTE);
    expect(server.calls).not.toContain('turn/start');
  });
});

describe('a thread beside which another has lost its terminal', () => {
  it('is woken within seconds once the daemon has unloaded that one', async () => {
    server.others = 1;
    const ready = thread.ready(() => false);
    await until(() => clock.sleeps.length > 0, { what: 'the push waits' });
    server.others = 0;
    clock.pass(5_000);
    await ready;
  });
});

describe('a busy thread', () => {
  it('has the message steered into its turn', async () => {
    await becomes(BUSY);
    await thread.ready(() => false);
    await thread.push([MESSAGE]);
    expect(server.calls).toContain('turn/steer');
    expect(server.calls).not.toContain('turn/start');
  });

  it('whose turn ends at that moment is woken instead', async () => {
    await becomes(BUSY);
    server.refusals = 1;
    await thread.ready(() => false);
    await thread.push([MESSAGE]);
    expect(server.calls.filter((method) => method.startsWith('turn/'))).toEqual(['turn/steer', 'turn/start']);
  });

  it('that waits for its user is left alone until the user has answered', async () => {
    await becomes({ type: 'active', activeFlags: ['waitingOnApproval'] });
    const ready = thread.ready(() => false);
    await until(() => log.some((line) => line.includes('the thread waits for its user')));
    await becomes(BUSY);
    await ready;
  });
});
