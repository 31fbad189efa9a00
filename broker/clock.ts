/** Time and ids come in from outside, so that tests can move the one and know the other. */
import { randomBytes, randomUUID } from 'node:crypto';

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

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export const randomIds: Ids = {
  peer: () => randomUUID(),
  session: () => randomUUID(),
  message: () => `m${Array.from(randomBytes(12), (byte) => ALPHABET[byte & 31]).join('')}`,
};
