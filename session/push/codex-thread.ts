/**
 * The push route into the thread that this session serves. Each wake is a billed turn, so it wakes seldom: not twice
 * within 30 s, ever less often while nobody but peers speaks, never a thread that waits for its user's approval or
 * that has no terminal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { InboxMessage } from '../../shared/contract/types.ts';
import { type Deferred, deferred } from '../../shared/deferred.ts';
import type { SessionLog } from '../log.ts';
import { renderPushed } from '../present.ts';
import { AppServer, Refusal, type Thread, type ThreadStatus } from './app-server.ts';
import { terminalsIn } from './codex-terminal.ts';
import type { Route } from './route.ts';

const WAKE_INTERVAL_MS = 30_000;
const WAKE_INTERVAL_MAX_MS = 15 * 60_000;
/** The daemon unloads an idle thread 60 s after its terminal went: one that stays loaded for longer has one. */
const PROVEN_BY_IDLING_MS = 65_000;
const RECONNECT_MIN_MS = 500;
const RECONNECT_MAX_MS = 30_000;
const MESSAGES_AT_ONCE = 10;
/** An obstacle without a time of its own: a change of the thread's state ends it, this only bounds a missed one. */
const LOOK_AGAIN_MS = 30_000;
const LOOK_AT_TERMINALS_MS = 5_000;

export interface CodexThreadOptions {
  readonly socket: string;
  readonly threadId: string;
  readonly cwd: string;
  readonly log: SessionLog;
  /** The route works from now on, or no longer. */
  onUsable(usable: boolean): void;
  onActivity(activity: 'busy' | 'idle'): void;
  /** How many terminals are open in a directory; counts the processes unless given. */
  readonly terminals?: (cwd: string) => Promise<number>;
  readonly clock?: WakeClock;
}

/** What the limits on wakes are measured with. */
export interface WakeClock {
  /** ms */
  now(): number;
  /** Resolves after that time, or when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const REAL_CLOCK: WakeClock = {
  now: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => {}),
};

/** Why a push has to wait, and for how long at most. */
interface Obstacle {
  readonly reason: string;
  readonly ms: number;
}

export class CodexThread implements Route {
  readonly name = 'app-server';
  readonly atOnce = MESSAGES_AT_ONCE;
  readonly #options: CodexThreadOptions;
  readonly #clock: WakeClock;
  readonly #stopped = new AbortController();
  readonly #closing: Deferred<void> = deferred();
  #server: AppServer | undefined;
  #status: ThreadStatus = { type: 'notLoaded' };
  /** No terminal has been seen since, and the thread has been idle. */
  #aloneSince: number | undefined;
  #usable = false;
  #lastWake = Number.NEGATIVE_INFINITY;
  #wakesUnanswered = 0;
  /** The turn that runs was begun here. */
  #woken = false;
  #changed: Deferred<void> = deferred();

  constructor(options: CodexThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /** Connects, and again whenever the daemon went away, until closed. */
  async run(): Promise<void> {
    const { socket, threadId, cwd, log } = this.#options;
    let wait = RECONNECT_MIN_MS;
    let failure = '';
    while (!this.#stopped.signal.aborted) {
      try {
        const server = await AppServer.connect(socket, (thread, status) => {
          if (thread === threadId) this.#note(status);
        });
        const thread = await server.readThread(threadId);
        const unfit = whyNot(thread, cwd);
        if (unfit !== undefined) {
          server.close();
          log.warn('this thread is not woken', { reason: unfit });
          return;
        }
        this.#server = server;
        this.#note(thread.status);
        wait = RECONNECT_MIN_MS;
        failure = '';
        await Promise.race([server.closed, this.#closing.promise]);
        server.close();
        this.#server = undefined;
        if (this.#stopped.signal.aborted) return;
        this.#note({ type: 'notLoaded' });
        log.warn('the app-server closed the connection; it is tried again');
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // it is tried for as long as the session lives: said once is enough
        if (reason !== failure) log.warn('no app-server', { reason });
        failure = reason;
      }
      await this.#clock.sleep(wait, this.#stopped.signal);
      wait = Math.min(wait * 2, RECONNECT_MAX_MS);
    }
  }

  close(): void {
    this.#stopped.abort();
    this.#closing.resolve();
    this.#changed.resolve();
  }

  async ready(urgent: () => boolean): Promise<void> {
    let told = '';
    while (!this.#stopped.signal.aborted) {
      // taken before looking: a change while we look must end the wait
      const changed = this.#changed.promise;
      const obstacle = await this.#obstacle(urgent());
      if (!obstacle) return;
      if (obstacle.reason !== told) this.#options.log.info('a push waits', { reason: obstacle.reason });
      told = obstacle.reason;
      const timer = new AbortController();
      await Promise.race([changed, this.#clock.sleep(obstacle.ms, timer.signal)]);
      timer.abort();
    }
  }

  reconsider(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  async push(messages: readonly InboxMessage[]): Promise<'proven'> {
    const server = this.#server;
    if (!server) throw new Error('app-server: not connected');
    try {
      await this.#hand(server, messages);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // the turn ended, or one began, between the look and the call
      await this.#hand(server, messages);
    }
    return 'proven';
  }

  async #hand(server: AppServer, messages: readonly InboxMessage[]): Promise<void> {
    const { threadId } = this.#options;
    const value = messages.map((message) => renderPushed(message)).join('\n\n');
    const additionalContext = { 'agent-peers': { value, kind: 'untrusted', name: 'peer_message' } };
    const turn = await server.activeTurn(threadId);
    if (turn !== undefined) {
      const text = `agent-peers: ${messages.length} peer message${messages.length === 1 ? '' : 's'}, above as tool output.`;
      await server.call('turn/steer', {
        threadId,
        expectedTurnId: turn,
        input: [{ type: 'text', text, text_elements: [] }],
        additionalContext,
      });
      return;
    }
    // before the call: its turn is announced before it is answered, and it may run though no answer comes
    this.#woken = true;
    this.#lastWake = this.#clock.now();
    this.#wakesUnanswered += 1;
    // no input: the terminal shows no prompt that the user never typed
    await server.call('turn/start', { threadId, turnTrigger: 'agent-peers', input: [], additionalContext });
  }

  async #obstacle(urgent: boolean): Promise<Obstacle | undefined> {
    const server = this.#server;
    const status = this.#status;
    if (!server || status.type === 'notLoaded') return { reason: 'the thread is not loaded', ms: LOOK_AGAIN_MS };
    if (status.type === 'systemError') return { reason: 'the thread has failed', ms: LOOK_AGAIN_MS };
    if (status.type === 'active') {
      const asks = status.activeFlags.length > 0;
      return asks ? { reason: 'the thread waits for its user', ms: LOOK_AGAIN_MS } : undefined;
    }
    const factor = urgent ? 1 : 2 ** Math.max(0, this.#wakesUnanswered - 1);
    const pause = Math.min(WAKE_INTERVAL_MS * factor, WAKE_INTERVAL_MAX_MS);
    const left = this.#lastWake + pause - this.#clock.now();
    if (left > 0) return { reason: 'the thread was woken a short while ago', ms: left };
    try {
      return await this.#withoutTerminal(server);
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error), ms: LOOK_AGAIN_MS };
    }
  }

  /** Asked anew before every wake: the terminal may have gone since the last. */
  async #withoutTerminal(server: AppServer): Promise<Obstacle | undefined> {
    const { cwd, threadId } = this.#options;
    const count = this.#options.terminals ?? terminalsIn;
    const [terminals, threads] = await Promise.all([count(cwd), server.threadsIn(cwd)]);
    if (!threads.some(({ id }) => id === threadId)) return { reason: 'the thread is not loaded', ms: LOOK_AGAIN_MS };
    // with more threads than terminals, one of them has none, and nothing tells which
    if (terminals >= threads.length) {
      this.#aloneSince = undefined;
      return undefined;
    }
    this.#aloneSince ??= this.#clock.now();
    const left = this.#aloneSince + PROVEN_BY_IDLING_MS - this.#clock.now();
    if (left <= 0) return undefined;
    // another thread may go, or a terminal come, of which nobody tells this one
    return { reason: 'no terminal seems to show the thread', ms: Math.min(left, LOOK_AT_TERMINALS_MS) };
  }

  #note(status: ThreadStatus): void {
    // the user began this turn: wakes may come at the usual pace again. (Hooks do not tell: a steered message is a prompt too.)
    if (status.type === 'active' && !this.#woken) this.#wakesUnanswered = 0;
    if (status.type !== 'active') this.#woken = false;
    if (status.type !== 'idle') this.#aloneSince = undefined;
    this.#status = status;
    this.#options.onActivity(status.type === 'active' ? 'busy' : 'idle');
    const usable = this.#server !== undefined && status.type !== 'notLoaded';
    if (usable !== this.#usable) {
      this.#usable = usable;
      this.#options.onUsable(usable);
    }
    this.reconsider();
  }
}

function whyNot(thread: Thread, cwd: string): string | undefined {
  if (thread.source === 'exec') return 'it belongs to codex exec';
  if (thread.ephemeral) return "it is one of Codex's own helpers";
  if (thread.cwd !== cwd) return 'it works in another directory';
  return undefined;
}
