/** Time and ids come in from outside, so that tests can move the one and know the other. */
import { randomUUID } from 'node:crypto';

export interface Clock {
  /** Wall clock in ms; may jump. Only for times that people see and for retention. */
  now(): number;
  /** Monotonic ms; only differences mean something. For rates and waits. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

export interface Ids {
  /** A peer's id, for life. */
  peer(): string;
  session(): string;
  /** Short, since an agent reads and repeats it. */
  message(): string;
}

export const randomIds: Ids = {
  peer: () => randomUUID(),
  session: () => randomUUID(),
  // in the order of time, so that a batch of them lands on one page of the index; then 32 random bits
  message: () => `m${Date.now().toString(36)}${randomUUID().slice(0, 8)}`,
};
