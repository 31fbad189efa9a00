/** Names: what is one, which is free, which was meant. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertName, freeName, nameKey, nearestNames, randomName } from '../../broker/core/names.ts';
import { NAME_PATTERN } from '../../shared/contract/common.ts';
import { PeersError } from '../../shared/errors.ts';

const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,32}$/);

describe('a name', () => {
  it.each(['a', 'A-b_9', '0', '-', 'x'.repeat(32)])('may be %j', (good) => {
    expect(assertName(good)).toBe(good);
  });

  it.each(['', ' ', 'a b', 'ä', 'a\n', 'x'.repeat(33), 'a/b', '#a', '🦊'])(
    'may not be %j, and the error says what may',
    (bad) => {
      const refused = (): unknown => {
        try {
          return assertName(bad);
        } catch (error) {
          return error;
        }
      };
      const error = refused();
      expect(error).toBeInstanceOf(PeersError);
      expect(error).toMatchObject({ code: 'invalid_name', hint: expect.stringContaining('1 to 32') });
    },
  );

  it('drawn at random is a valid adjective and noun, for every draw', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (draw) => {
        const drawn = randomName(() => draw);
        expect(drawn).toMatch(/^[a-z]+-[a-z]+$/);
        expect(drawn).toMatch(NAME_PATTERN);
      }),
    );
  });
});

describe('a name that is taken', () => {
  it('gets -2, -3, … in turn', () => {
    const taken = new Set<string>();
    const got = Array.from({ length: 4 }, () => {
      const free = freeName('Bravo', (key) => taken.has(key));
      taken.add(nameKey(free));
      return free;
    });
    expect(got).toEqual(['Bravo', 'Bravo-2', 'Bravo-3', 'Bravo-4']);
  });

  it('fills a gap that a lower number left', () => {
    const taken = new Set(['bravo', 'bravo-3']);
    expect(freeName('bravo', (key) => taken.has(key))).toBe('bravo-2');
  });

  it('loses its tail to the number where it is 32 long', () => {
    const long = 'x'.repeat(32);
    const taken = new Set([long, ...Array.from({ length: 8 }, (_, i) => `${'x'.repeat(30)}-${i + 2}`)]);
    expect(freeName(long, (key) => taken.has(key))).toBe(`${'x'.repeat(29)}-10`);
  });

  it('always becomes a valid name that nobody has, which begins as the wanted one', () => {
    fc.assert(
      fc.property(name, fc.nat({ max: 120 }), (wanted, others) => {
        const taken = new Set<string>();
        for (let i = 0; i <= others; i += 1) {
          const free = freeName(wanted, (key) => taken.has(key));
          expect(free).toMatch(NAME_PATTERN);
          expect(taken.has(nameKey(free))).toBe(false);
          expect(wanted.startsWith(i === 0 ? wanted : free.slice(0, free.lastIndexOf('-')))).toBe(true);
          taken.add(nameKey(free));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is found by asking for each name that others have at most once, in whatever letters they are', () => {
    const numbered = fc.tuple(name, fc.integer({ min: 2, max: 40 })).map(([base, n]) => `${base.slice(0, 28)}-${n}`);
    fc.assert(
      fc.property(name, fc.array(fc.oneof(name, numbered), { maxLength: 40 }), (wanted, others) => {
        const family = Array.from({ length: 30 }, (_, i) => `${wanted.slice(0, i < 8 ? 30 : 29)}-${i + 2}`);
        const taken = new Set([wanted.toUpperCase(), ...family, ...others].map(nameKey));
        let asked = 0;
        const free = freeName(wanted, (key) => {
          asked += 1;
          return taken.has(key);
        });
        expect(taken.has(free.toLowerCase())).toBe(false);
        expect(asked).toBeLessThanOrEqual(taken.size + 1);
      }),
    );
  });
});

describe('a name that nobody has', () => {
  const names = ['amber-fox', 'amber-elk', 'brave-otter', 'Frontend', 'backend', 'backend-2'];

  it.each([
    ['amber-fix', 'amber-fox'],
    ['AMBER-FOX', 'amber-fox'],
    ['frontend-dev', 'Frontend'],
    ['brave-oter', 'brave-otter'],
  ])('%s suggests %s first', (wanted, first) => {
    expect(nearestNames(wanted, names)[0]).toBe(first);
  });

  it('suggests at most three, all of them names that exist', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), fc.array(name, { maxLength: 20 }), (wanted, known) => {
        const near = nearestNames(wanted, known);
        expect(near.length).toBeLessThanOrEqual(3);
        for (const one of near) expect(known).toContain(one);
      }),
    );
  });

  it('suggests nothing where nothing is near', () => {
    expect(nearestNames('zzzzzzzz', names)).toEqual([]);
  });
});
