/**
 * What this session reports to the broker without waiting for an answer: confirmations, what became of pushes, its own
 * state. Each report stays here until the broker has taken it, also while the disk is full or no broker runs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Confirmation, PushNote, Request, Response } from '../shared/contract/types.ts';
import { Lane } from './lane.ts';
import type { SessionLog } from './log.ts';

/** As many as the contract allows in one call. */
const AT_ONCE = 1_000;
/** How long a session that ends waits for the rest to be taken. */
const CLOSE_WAIT_MS = 500;

type Reported = 'confirmMessages' | 'notePush' | 'reportSession';
type Report = Request<'reportSession'>;

interface Pushed extends Omit<PushNote, 'message_ids'> {
  readonly message_id: string;
}

export interface ReportsOptions {
  readonly log: SessionLog;
  /** Calls the broker as this session. */
  call<N extends Reported>(name: N, body: Request<N>, signal: AbortSignal): Promise<Response<N>>;
  /** Waits unless given. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

export class Reports {
  readonly #confirmations: Lane<Confirmation>;
  readonly #notes: Lane<Pushed>;
  readonly #states: Lane<Report>;
  readonly #over = new AbortController();

  /** Each kind has a lane of its own: one that fails holds up no other. */
  constructor({ log, call, sleep = wait }: ReportsOptions) {
    const { signal } = this.#over;
    const common = { log, sleep, most: AT_ONCE };
    this.#confirmations = new Lane({
      ...common,
      what: 'confirmations',
      send: async (confirmations) => {
        await call('confirmMessages', { confirmations: [...confirmations] }, signal);
      },
    });
    this.#notes = new Lane({
      ...common,
      what: 'pushes',
      together: (a, b) => a.route === b.route && a.error === b.error,
      send: async (pushed) => {
        const [first] = pushed;
        if (!first) return;
        const { message_id: _, ...outcome } = first;
        await call('notePush', { ...outcome, message_ids: pushed.map(({ message_id }) => message_id) }, signal);
      },
    });
    this.#states = new Lane({
      ...common,
      what: "the session's state",
      replaces: (later, earlier) => Object.keys(earlier).every((name) => name in later),
      // later changes win
      send: async (reports) => {
        const changes: Report = {};
        for (const report of reports) Object.assign(changes, report);
        await call('reportSession', changes, signal);
      },
    });
  }

  confirm(confirmations: readonly Confirmation[]): void {
    this.#confirmations.add(confirmations);
  }

  note({ message_ids, ...outcome }: PushNote): void {
    this.#notes.add(message_ids.map((message_id) => ({ ...outcome, message_id })));
  }

  report(changes: Report): void {
    // each on its own, so that one which fails holds up no other
    this.#states.add(Object.entries(changes).map(([name, value]) => ({ [name]: value })));
  }

  /** The session is over: sends what is left, and waits a moment. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#over.abort(), CLOSE_WAIT_MS);
    await Promise.all([this.#notes.close(), this.#confirmations.close(), this.#states.close()]);
    clearTimeout(timer);
  }
}
