/** The bound on messages a minute, with a time that the test moves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateLimiter } from '../../broker/core/rate-limit.ts';
import { PeersError } from '../../shared/errors.ts';

/** @returns the seconds to wait, or 0 where it was let through */
function tryTake(limiter: RateLimiter, sender: string, now: number): number {
  try {
    limiter.take(sender, now);
    return 0;
  } catch (error) {
    if (!(error instanceof PeersError) || error.code !== 'rate_limited') throw error;
    return error.retryAfterS ?? Number.NaN;
  }
}

describe('60 messages a minute', () => {
  it('lets 60 through, refuses the 61st and says for how long, in its text too', () => {
    const limiter = new RateLimiter(60);
    for (let i = 0; i < 60; i += 1) limiter.take('ann', 1_000);
    const refuse = () => limiter.take('ann', 21_500);
    expect(refuse).toThrow(expect.objectContaining({ code: 'rate_limited', retryAfterS: 40 }));
    expect(refuse).toThrow(expect.objectContaining({ hint: expect.stringContaining('40 s') }));
  });

  it('lets through again after exactly the seconds that it named', () => {
    const limiter = new RateLimiter(60);
    for (let i = 0; i < 60; i += 1) limiter.take('ann', i * 100);
    const seconds = tryTake(limiter, 'ann', 6_000);
    expect(seconds).toBe(54);
    expect(tryTake(limiter, 'ann', 6_000 + seconds * 1_000 - 1)).toBe(1);
    expect(tryTake(limiter, 'ann', 6_000 + seconds * 1_000)).toBe(0);
  });

  it('does not count what was refused', () => {
    const limiter = new RateLimiter(1);
    limiter.take('ann', 0);
    for (let t = 1_000; t < 60_000; t += 1_000) expect(tryTake(limiter, 'ann', t)).toBeGreaterThan(0);
    expect(tryTake(limiter, 'ann', 60_000)).toBe(0);
  });

  it('counts each sender for itself', () => {
    const limiter = new RateLimiter(1);
    limiter.take('ann', 0);
    expect(tryTake(limiter, 'bob', 0)).toBe(0);
    expect(tryTake(limiter, 'ann', 0)).toBe(60);
  });

  it('never lets more than the limit through within any minute, and never refuses below it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat({ max: 20_000 }), { maxLength: 60 }),
        (limit, gaps) => {
          const limiter = new RateLimiter(limit);
          const taken: number[] = [];
          let now = 0;
          for (const gap of gaps) {
            now += gap;
            const within = taken.filter((at) => now - at < 60_000).length;
            const wait = tryTake(limiter, 'ann', now);
            expect(wait === 0).toBe(within < limit);
            if (wait === 0) taken.push(now);
            limiter.prune(now);
          }
        },
      ),
    );
  });

  it('is off at 0', () => {
    const limiter = new RateLimiter(0);
    for (let i = 0; i < 1_000; i += 1) expect(tryTake(limiter, 'ann', 0)).toBe(0);
  });
});
