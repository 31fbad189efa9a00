/** What the broker's parts share: everything that has state or reaches outside. */

import type { BrokerConfig } from '../shared/config.ts';
import type { OperationName, ParsedRequest, Response } from '../shared/contract/index.ts';
import type { Bus } from './bus.ts';
import type { Clock, Ids } from './clock.ts';
import type { RateLimiter } from './core/rate-limit.ts';
import type { Feed } from './feed.ts';
import type { Logger } from './log.ts';
import type { NewestRequests } from './newest-request.ts';
import type { Outbox } from './outbox.ts';
import type { Presence } from './presence.ts';
import type { Person } from './store/persons.ts';
import type { SessionRecord } from './store/sessions.ts';
import type { Store } from './store/store.ts';
import type { Waiters } from './waiters.ts';

export interface Deps {
  readonly config: BrokerConfig;
  readonly secret: Buffer;
  /** The name of this machine. */
  readonly host: string;
  /** This process, among the brokers of its database. */
  readonly instance_id: string;
  /** Whose machine this is: who shows the machine key is this person, and sessions that register are theirs. */
  readonly person: LocalPerson;
  readonly store: Store;
  readonly outbox: Outbox;
  readonly bus: Bus;
  readonly feed: Feed;
  readonly presence: Presence;
  readonly newestRequests: NewestRequests;
  readonly waiters: Waiters;
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

export interface LocalPerson extends Person {
  /** The peer by which agents reach this person. */
  readonly peer_id: string;
}

/** Who calls: a peer through its session, or a person. */
export type Actor =
  | { readonly is: 'session'; readonly peer_id: string; readonly session: SessionRecord }
  | { readonly is: 'operator'; readonly peer_id: string; readonly person_id: string };

export interface Call {
  /** Aborts when the caller's connection closes. */
  readonly signal: AbortSignal;
  actor(): Actor;
  /** @throws where the caller is not a session; the contract lets no other in */
  session(): SessionRecord;
  /** Whose machine key the caller shows. @throws where it shows none; the contract lets no other in */
  person(): LocalPerson;
}

type Handler<N extends OperationName> = (request: ParsedRequest<N>, call: Call) => Promise<Response<N>>;
export type Handlers<N extends OperationName = OperationName> = { readonly [K in N]: Handler<K> };
