/** What the broker's rooms are given: everything that has state or reaches outside. */

import type { BrokerConfig } from '../shared/config.ts';
import type { OperationName, ParsedRequest, Response } from '../shared/contract/index.ts';
import type { Bus } from './bus.ts';
import type { Clock, Ids } from './clock.ts';
import type { RateLimiter } from './core/rate-limit.ts';
import type { IdleWatch } from './idle-watch.ts';
import type { Logger } from './log.ts';
import type { NewestRequests } from './newest-request.ts';
import type { Outbox } from './outbox.ts';
import type { Presence } from './presence.ts';
import type { SessionRecord, Store } from './store/store.ts';
import type { Waiters } from './waiters.ts';

export interface Deps {
  readonly config: BrokerConfig;
  readonly secret: Buffer;
  /** The human's own peer. */
  readonly operator_id: string;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly bus: Bus;
  readonly presence: Presence;
  readonly newestRequests: NewestRequests;
  readonly waiters: Waiters;
  readonly idleWatch: IdleWatch;
  readonly rate: RateLimiter;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly started_at: number;
  /** Aborts when the broker stops: held requests then answer with what they have. */
  readonly stopping: AbortSignal;
  /** Begins to stop. */
  stop(reason: string): void;
}

/** Who calls: a peer through its session, or the human. */
export type Actor =
  | { readonly is: 'session'; readonly peer_id: string; readonly session: SessionRecord }
  | { readonly is: 'operator'; readonly peer_id: string };

export interface Call {
  /** Aborts when the caller's connection closes. */
  readonly signal: AbortSignal;
  actor(): Actor;
  /** @throws where the caller is not a session; the contract lets no other in */
  session(): SessionRecord;
}

type Handler<N extends OperationName> = (request: ParsedRequest<N>, call: Call) => Promise<Response<N>>;
export type Handlers<N extends OperationName = OperationName> = { readonly [K in N]: Handler<K> };
