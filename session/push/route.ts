/** A way to hand a message to the client unasked. A push is a hint: without proof the message is named again later. */
import type { InboxMessage, PushRoute } from '../../shared/contract/types.ts';

export interface Route {
  readonly name: PushRoute;
  /**
   * Hands one message to the client.
   * @returns `handed`, or `proven` where the client's own protocol says that the model has it
   * @throws when it could not be handed over; the message then waits for the next tool call
   */
  push(message: InboxMessage): Promise<'handed' | 'proven'>;
}
