/** The key that makes a repeated send one message. */
import { randomUUID } from 'node:crypto';

/** In the order of time: the broker's index then takes what is sent together on one page, not on one for each sender. */
export function newIdempotencyKey(): string {
  return `${Date.now().toString(36)}-${randomUUID()}`;
}
