/** The part that vitest and bun:test have in common, so that one suite runs under both. */
import type { World } from './world.ts';

export interface Matchers {
  readonly not: Matchers;
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
  toMatchObject(expected: object): void;
  toContain(expected: unknown): void;
  toHaveLength(expected: number): void;
}

export type Expect = (actual: unknown) => Matchers;

export interface Runner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
  readonly expect: Expect;
}

/** Adds a test that gets a store of its own. */
export type Test = (name: string, body: (world: World) => Promise<void>) => void;
