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
  /** Short, since an agent reads and repeats it: 60 random bits. */
  message(): string;
}

export const randomIds: Ids = {
  peer: () => randomUUID(),
  session: () => randomUUID(),
  // a UUID's first 48 and last 12 bits; its version and variant stand between
  message: () => {
    const uuid = randomUUID();
    return `m${uuid.slice(0, 8)}${uuid.slice(9, 13)}${uuid.slice(-3)}`;
  },
};
