/** A way to hand messages to the client unasked. A push is a hint: without proof the message is named again later. */
import type { InboxMessage, PushRoute } from '../../shared/contract/types.ts';

export interface Route {
  readonly name: PushRoute;
  /** Messages handed over by one push. */
  readonly atOnce: number;
  /**
   * Resolves when a push may be tried: at once, or when the client is in a state for it.
   * @param urgent whether a critical message waits
   */
  ready(urgent: () => boolean): Promise<void>;
  /** What waits is different now: a wait for {@link ready} may be over. */
  reconsider(): void;
  /**
   * Hands messages to the client.
   * @returns `handed`, or `proven` where the client's own protocol says that the model has them
   * @throws when they could not be handed over; they then wait for the next tool call
   */
  push(messages: readonly InboxMessage[]): Promise<'handed' | 'proven'>;
}

/** Routes that can always be tried. */
export const ALWAYS_READY = { ready: () => Promise.resolve(), reconsider: () => {} } as const;
