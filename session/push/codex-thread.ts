/**
 * The push route into the thread that this session serves. Each wake is a billed turn, so it wakes seldom: not twice
 * within 30 s, ever less often while nobody but peers speaks, never a thread that waits for its user's approval or
 * that has no terminal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Activity, InboxMessage } from '../../shared/contract/types.ts';
import { type Deferred, deferred } from '../../shared/deferred.ts';
import type { SessionLog } from '../log.ts';
import { renderPushed } from '../present.ts';
import { AppServer, type Thread, type ThreadStatus } from './app-server.ts';
import { hasTerminal } from './codex-terminal.ts';
import type { Route } from './route.ts';

const WAKE_INTERVAL_MS = 30_000;
const WAKE_INTERVAL_MAX_MS = 15 * 60_000;
/** The daemon unloads a thread without a terminal after 60 s: what is still loaded then has one. */
const PROVEN_BY_IDLING_MS = 65_000;
const RECONNECT_MIN_MS = 500;
const RECONNECT_MAX_MS = 30_000;
const MESSAGES_AT_ONCE = 10;

export interface CodexThreadOptions {
  readonly socket: string;
  readonly threadId: string;
  readonly cwd: string;
  readonly log: SessionLog;
  /** The route works from now on, or no longer. */
  onUsable(usable: boolean): void;
  onActivity(activity: Activity): void;
}

export class CodexThread implements Route {
  readonly name = 'app-server';
  readonly atOnce = MESSAGES_AT_ONCE;
  readonly #options: CodexThreadOptions;
  readonly #stopped = new AbortController();
  readonly #closing: Deferred<void> = deferred();
  #server: AppServer | undefined;
  #status: ThreadStatus = { type: 'notLoaded' };
  #idleSince = performance.now();
  #lastWake = Number.NEGATIVE_INFINITY;
  #wakesUnanswered = 0;
  #changed: Deferred<void> = deferred();

  constructor(options: CodexThreadOptions) {
    this.#options = options;
  }

  /** Connects, and again whenever the daemon went away, until closed. */
  async run(): Promise<void> {
    const { socket, threadId, cwd, log, onUsable } = this.#options;
    let wait = RECONNECT_MIN_MS;
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
        onUsable(true);
        wait = RECONNECT_MIN_MS;
        await Promise.race([server.closed, this.#closing.promise]);
        server.close();
        this.#server = undefined;
        onUsable(false);
        if (!this.#stopped.signal.aborted) log.warn('the app-server closed the connection; it is tried again');
      } catch (error) {
        log.warn('no app-server', { reason: error instanceof Error ? error.message : String(error) });
      }
      await delay(wait, undefined, { signal: this.#stopped.signal }).catch(() => {});
      wait = Math.min(wait * 2, RECONNECT_MAX_MS);
    }
  }

  close(): void {
    this.#stopped.abort();
    this.#closing.resolve();
    this.#changed.resolve();
  }

  /** The user spoke: wakes may come at the usual pace again. */
  userSpoke(): void {
    this.#wakesUnanswered = 0;
  }

  async ready(urgent: boolean): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const wait = await this.#waitBeforePush(urgent);
      if (wait === 0) return;
      const timer = new AbortController();
      await Promise.race([this.#changed.promise, delay(wait, undefined, { signal: timer.signal }).catch(() => {})]);
      timer.abort();
    }
  }

  async push(messages: readonly InboxMessage[]): Promise<'proven'> {
    const { threadId } = this.#options;
    const server = this.#server;
    if (!server) throw new Error('app-server: not connected');
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
    } else {
      this.#lastWake = performance.now();
      this.#wakesUnanswered += 1;
      // no input: the terminal shows no prompt that the user never typed
      await server.call('turn/start', { threadId, turnTrigger: 'agent-peers', input: [], additionalContext });
    }
    return 'proven';
  }

  /** ms to wait before trying again; 0: now. */
  async #waitBeforePush(urgent: boolean): Promise<number> {
    const server = this.#server;
    if (!server) return WAKE_INTERVAL_MS;
    const { type } = this.#status;
    if (type === 'active')
      return 'activeFlags' in this.#status && this.#status.activeFlags.length > 0 ? WAKE_INTERVAL_MS : 0;
    if (type !== 'idle') return WAKE_INTERVAL_MS;
    const factor = urgent ? 1 : 2 ** Math.max(0, this.#wakesUnanswered - 1);
    const since = performance.now() - this.#lastWake;
    const pause = Math.min(WAKE_INTERVAL_MS * factor, WAKE_INTERVAL_MAX_MS) - since;
    if (pause > 0) return pause;
    const idle = performance.now() - this.#idleSince;
    if (idle < PROVEN_BY_IDLING_MS && !(await hasTerminal(this.#options.cwd))) return PROVEN_BY_IDLING_MS - idle;
    // it may have been unloaded since its last word
    const thread = await server.readThread(this.#options.threadId).catch(() => undefined);
    return thread?.status.type === 'notLoaded' || thread === undefined ? WAKE_INTERVAL_MS : 0;
  }

  #note(status: ThreadStatus): void {
    if (status.type === 'idle' && this.#status.type !== 'idle') this.#idleSince = performance.now();
    this.#status = status;
    this.#options.onActivity(status.type === 'active' ? 'busy' : 'idle');
    this.#changed.resolve();
    this.#changed = deferred();
  }
}

function whyNot(thread: Thread, cwd: string): string | undefined {
  if (thread.source === 'exec') return 'it belongs to codex exec';
  if (thread.ephemeral) return "it is one of Codex's own helpers";
  if (thread.cwd !== cwd) return 'it works in another directory';
  return undefined;
}
