/** One held request: what has it look into the mailbox again, and what ends it. */
import { type Deferred, deferred } from '../shared/deferred.ts';
import type { Bus } from './bus.ts';
import type { SessionRecord } from './store/sessions.ts';

export interface HoldOptions {
  readonly bus: Bus;
  readonly session: SessionRecord;
  readonly ms: number;
  /** The caller's connection closes. */
  readonly gone: AbortSignal;
  /** The broker stops: it answers with what is there. */
  readonly stopping: AbortSignal;
}

export class Hold {
  readonly #ends: (() => void)[] = [];
  #woken: Deferred<void> = deferred();
  #isOver = false;
  #isVoid = false;

  constructor({ bus, session, ms, gone, stopping }: HoldOptions) {
    const finish = () => this.#finish();
    const revoke = () => this.revoke();
    const onAbort = (signal: AbortSignal, listener: () => void) => {
      if (signal.aborted) return listener();
      signal.addEventListener('abort', listener, { once: true });
      this.#ends.push(() => signal.removeEventListener('abort', listener));
    };
    const timer = setTimeout(finish, ms);
    this.#ends.push(
      () => clearTimeout(timer),
      bus.subscribe('mail', session.peer_id, () => this.wake()),
      bus.subscribe('session-ended', session.id, revoke),
      bus.subscribe('session-moved', session.id, revoke),
    );
    onAbort(gone, revoke);
    onAbort(stopping, finish);
    if (ms === 0) finish();
  }

  /** Resolves at the next reason to look; take it before looking, so that none is missed meanwhile. */
  get woken(): Promise<void> {
    return this.#woken.promise;
  }

  /** The time is over: one last look, then an answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nobody waits for the answer to this request any more: it must take no messages. */
  get isVoid(): boolean {
    return this.#isVoid;
  }

  /** Ends it: nobody would get an answer, or may. */
  revoke(): void {
    this.#isVoid = true;
    this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.wake();
  }

  wake(): void {
    this.#woken.resolve();
    this.#woken = deferred();
  }

  end(): void {
    for (const end of this.#ends) end();
  }
}
