/**
 * A session's link to the broker. It finds or starts one, registers, holds the request that brings messages, and
 * heals for ever: whatever happens to the broker, the link comes back under the same identity.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ANSWER_TIMEOUT_MS, BrokerClient } from '../shared/client.ts';
import type { Env, Location } from '../shared/config.ts';
import type { InboxMessage, OperationName, PushNote, Request, Response } from '../shared/contract/types.ts';
import { type Deferred, deferred } from '../shared/deferred.ts';
import { ensureBroker, isNewer } from '../shared/ensure-broker.ts';
import { isPassing, PeersError, toPeersError } from '../shared/errors.ts';
import { INBOX_HOLD_MS } from '../shared/limits.ts';
import { VERSION } from '../shared/version.ts';
import type { SessionLog } from './log.ts';
import { newPatience, type Patience, waitedInVain } from './patience.ts';

const CLOSE_WAIT_MS = 500;
const BACKOFF_MIN_MS = 20;
const BACKOFF_MAX_MS = 2_000;
const NOTES_AT_ONCE = 100;

/** A link that was up for longer than this is not on and off: the next try comes soon. */
const STEADY_MS = 200;
/** What a call gets at least, when the link is up again in its last moment. */
const LAST_TRY_MS = 1_000;

/** The broker, as far as the link uses it. */
export interface LinkedBroker extends Pick<BrokerClient, 'call' | 'close' | 'brokerVersion'> {
  /** Finds the broker, or starts one. @throws PeersError as {@link ensureBroker} */
  ensure(): Promise<unknown>;
}

export interface LinkOptions {
  readonly location: Location;
  readonly brokerEntry: string;
  readonly env: Env;
  readonly log: SessionLog;
  /** What to register with; asked anew at each registration. */
  registration(): Promise<Request<'registerSession'>>;
  onRegistered(registered: Response<'registerSession'>): void;
  onMessages(messages: readonly InboxMessage[]): void;
  /** Notes that went along with a request that failed. */
  onNotesFailed(notes: readonly PushNote[]): void;
  /** The one at `location`, unless given. */
  readonly broker?: LinkedBroker;
}

function brokerAt({ location, brokerEntry, env }: LinkOptions): LinkedBroker {
  const client = new BrokerClient(location);
  return {
    ensure: () => ensureBroker(location, brokerEntry, env),
    call: (name, body, options) => client.call(name, body, options),
    close: () => client.close(),
    get brokerVersion() {
      return client.brokerVersion;
    },
  };
}

export class BrokerLink {
  readonly #options: LinkOptions;
  readonly #broker: LinkedBroker;
  readonly #stopped = new AbortController();
  /** Resolves at the next change of the state below. */
  #changed: Deferred<void> = deferred();
  #token: string | undefined;
  #hold = new AbortController();
  #holding = false;
  /** Requests for mail are numbered, so that the broker learns which answers arrived. */
  #lastRequest = 0;
  #received = 0;
  /** What goes along with the next request for mail. */
  readonly #notes: PushNote[] = [];
  /** Why the link is down; undefined before the first try and while it is up. */
  #failure: PeersError | undefined;
  #superseded: PeersError | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#broker = options.broker ?? brokerAt(options);
  }

  /** One word for people, and why it is not `ready`. */
  get state(): { is: 'ready' | 'connecting' | 'superseded'; failure: PeersError | undefined } {
    if (this.#superseded) return { is: 'superseded', failure: this.#superseded };
    return { is: this.#token === undefined || this.#failure ? 'connecting' : 'ready', failure: this.#failure };
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Calls the broker as this session. While the link is down the call waits; when the connection breaks under it, it
   * is made again: every operation a session uses may be repeated, and sends carry an idempotency key.
   * @param patience for calls that belong together; what this one took is gone from it afterwards
   * @throws PeersError the broker's own, or why no broker could be reached within 30 s
   */
  async call<N extends OperationName>(
    name: N,
    body: Request<N>,
    signal?: AbortSignal,
    patience: Patience = newPatience(),
  ): Promise<Response<N>> {
    const end = performance.now() + patience.leftMs;
    try {
      return await this.#callUntil(end, name, body, signal);
    } finally {
      patience.leftMs = Math.max(0, end - performance.now());
    }
  }

  async #callUntil<N extends OperationName>(
    end: number,
    name: N,
    body: Request<N>,
    signal: AbortSignal | undefined,
  ): Promise<Response<N>> {
    for (let wasSent = false; ; ) {
      if (this.#superseded) throw this.#superseded;
      await this.#untilReady(end, wasSent, signal);
      const token = this.#token;
      if (token === undefined) continue;
      const timeoutMs = Math.min(ANSWER_TIMEOUT_MS, Math.max(LAST_TRY_MS, end - performance.now()));
      try {
        return await this.#broker.call(name, body, { token, timeoutMs, ...(signal ? { signal } : {}) });
      } catch (error) {
        const failure = toPeersError(error);
        if (failure.code === 'session_superseded') this.#fallSilent(failure);
        if (!isHealedByReconnecting(failure) || this.#stopped.signal.aborted) throw failure;
        // a broker that is slow for a call with little time left is not down for the others
        const wasImpatient = failure.code === 'broker_unresponsive' && timeoutMs < ANSWER_TIMEOUT_MS;
        if (!wasImpatient) this.#down(failure, token);
        wasSent ||= failure.code !== 'session_stale';
        if (performance.now() >= end) throw waitedInVain(failure, wasSent);
      }
    }
  }

  /** Sends the note along with the request that is about to be held; false where that is held already, or is full. */
  takeAlong(note: PushNote): boolean {
    if (this.#holding || this.#notes.length >= NOTES_AT_ONCE) return false;
    this.#notes.push(note);
    return true;
  }

  /** Gives the leases back and ends; waits only a moment for the broker. */
  async close(unseen: readonly string[]): Promise<void> {
    const token = this.#token;
    this.#stopped.abort();
    this.#hold.abort();
    if (token !== undefined && !this.#superseded && !this.#failure) {
      const signal = AbortSignal.timeout(CLOSE_WAIT_MS);
      await this.#broker.call('closeSession', { unseen: [...unseen] }, { token, signal }).catch((error: unknown) => {
        // the broker notices the closed connection too
        this.#options.log.info('could not say goodbye', { code: toPeersError(error).code });
      });
    }
    this.#broker.close();
  }

  /** @throws what waiting cannot mend at once; anything else when the time is over */
  async #untilReady(end: number, wasSent: boolean, signal: AbortSignal | undefined): Promise<void> {
    while (this.#token === undefined || this.#failure) {
      if (signal?.aborted) {
        throw new PeersError('cancelled', 'The call was cancelled.', 'Call again if you still need it.');
      }
      if (this.#superseded) throw this.#superseded;
      if (this.#failure && !isHealedByReconnecting(this.#failure)) throw this.#failure;
      const left = end - performance.now();
      if (left <= 0) throw waitedInVain(this.#failure, wasSent);
      await this.#news(left, signal);
    }
  }

  /** Resolves when the state of the link has changed, after `ms`, or when the signal aborts. */
  async #news(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const waiting = new AbortController();
    const onAbort = () => waiting.abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#changed.promise, delay(ms, undefined, { signal: waiting.signal }).catch(() => {})]);
    } finally {
      waiting.abort();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #tellWaiting(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  async #run(): Promise<void> {
    let backoff = BACKOFF_MIN_MS;
    while (!this.#stopped.signal.aborted && !this.#superseded) {
      let up = Number.POSITIVE_INFINITY;
      try {
        await this.#connect();
        up = performance.now();
        for (;;) {
          const { messages } = await this.#next();
          if (messages.length === 0) continue;
          this.#options.onMessages(messages);
          // most pushes are over then, and need no request of their own to be noted
          await new Promise(setImmediate);
        }
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const thrown = toPeersError(error);
        // the held request was broken off since another call failed: that one says why
        const failure = thrown.code === 'cancelled' ? (this.#failure ?? thrown) : thrown;
        if (failure.code === 'session_superseded') return this.#fallSilent(failure);
        if (failure.code !== 'session_stale') {
          this.#options.log.warn('broker lost', { code: failure.code, message: failure.message });
        }
        this.#down(failure, this.#token);
        if (performance.now() - up > STEADY_MS) backoff = BACKOFF_MIN_MS;
        // jitter: the sessions of a machine lose their broker in the same millisecond
        await delay(backoff * (0.5 + Math.random()), undefined, { signal: this.#stopped.signal }).catch(() => {});
        backoff = Math.min(backoff * 2, BACKOFF_MAX_MS);
      }
    }
  }

  async #connect(): Promise<void> {
    await this.#broker.ensure();
    if (this.#token === undefined) {
      // an answer that gets lost does no harm: the same process is the same peer
      const registered = await this.#broker.call('registerSession', await this.#options.registration());
      this.#token = registered.token;
      this.#options.onRegistered(registered);
    }
    this.#failure = undefined;
    this.#tellWaiting();
  }

  async #next(): Promise<Response<'nextMessages'>> {
    const token = this.#token;
    if (token === undefined)
      throw new PeersError('session_stale', 'The session is not registered.', 'It registers again by itself.');
    this.#hold = new AbortController();
    const pushed = this.#notes.splice(0);
    this.#holding = true;
    this.#lastRequest += 1;
    const number = this.#lastRequest;
    const request = { wait_ms: INBOX_HOLD_MS, number, received: this.#received, pushed };
    const answer = await this.#broker
      .call('nextMessages', request, { token, signal: this.#hold.signal })
      .catch((error: unknown) => {
        this.#options.onNotesFailed(pushed);
        throw error;
      })
      .finally(() => {
        this.#holding = false;
      });
    // an older broker went, or this program was updated meanwhile: take over the port in an orderly way
    const version = this.#broker.brokerVersion;
    if (version !== undefined && isNewer(VERSION, version)) {
      throw new PeersError('broker_draining', `The broker has version ${version}.`, 'A newer one takes its place.');
    }
    // an empty answer brings nothing that could be said to have arrived
    if (answer.messages.length > 0) this.#received = number;
    return answer;
  }

  /** The link is broken: whoever calls waits until it is whole again. */
  #down(failure: PeersError, token: string | undefined): void {
    if (this.#token !== token) return; // somebody noticed before, and it is healed already
    this.#failure = failure;
    if (failure.code === 'session_stale') this.#token = undefined;
    this.#hold.abort();
    this.#tellWaiting();
  }

  #fallSilent(failure: PeersError): void {
    this.#superseded = failure;
    this.#tellWaiting();
    this.#hold.abort();
    this.#options.log.warn('another session serves this peer now; this one stays silent');
  }
}

function isHealedByReconnecting(failure: PeersError): boolean {
  return failure.code === 'session_stale' || isPassing(failure);
}
