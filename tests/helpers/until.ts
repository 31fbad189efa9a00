/** For states of other processes that no event tells: looks until it sees one, or the time is over. */
import { setTimeout as delay } from 'node:timers/promises';

/**
 * @returns the first value that is neither undefined, null nor false
 * @throws with `what` when there is none within the time
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { within = 15_000, what = look.toString() }: { within?: number; what?: string } = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + within;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== null && value !== false) return value as NonNullable<Exclude<T, false>>;
    if (performance.now() > end) throw new Error(`did not happen within ${within} ms: ${what}`);
    await delay(25);
  }
}
