/** A session's requests for mail: the newest alone is served, in whatever order they come in and end. */
import { expect, it } from 'vitest';
import { Lines } from '../../broker/lines.ts';
import { type Deferred, deferred } from '../../shared/deferred.ts';

class Request {
  readonly answer: Deferred<string> = deferred();
  readonly served: Promise<string>;
  began = false;
  revoked = false;

  constructor(lines: Lines, number: number, session = 's1') {
    const revoke = () => {
      this.revoked = true;
    };
    this.served = lines.serve(session, number, revoke, () => {
      this.began = true;
      return this.answer.promise;
    });
  }
}

it('an older request is revoked, and over before the newer one begins', async () => {
  const lines = new Lines();
  const [first, second, third] = [1, 2, 3].map((number) => new Request(lines, number)) as [Request, Request, Request];
  const other = new Request(lines, 1, 's2');
  await new Promise(setImmediate);
  expect([first, second, third, other].map(({ revoked }) => revoked)).toEqual([true, true, false, false]);
  expect([first, second, third, other].map(({ began }) => began)).toEqual([true, false, false, true]);
  first.answer.resolve('first');
  await first.served;
  await new Promise(setImmediate);
  expect([second.began, third.began]).toEqual([true, false]);
  second.answer.reject(new Error('broken'));
  await expect(second.served).rejects.toThrow('broken');
  third.answer.resolve('third');
  expect([await third.served, third.revoked]).toEqual(['third', false]);
});

it('one that comes in after a newer one is revoked, also when that is over already', async () => {
  const lines = new Lines();
  const newer = new Request(lines, 2);
  const during = new Request(lines, 1);
  newer.answer.resolve('newer');
  await newer.served;
  const after = new Request(lines, 1);
  expect([newer.revoked, during.revoked, after.revoked]).toEqual([false, true, true]);
  const next = new Request(lines, 3);
  lines.forget('s1');
  const again = new Request(lines, 1);
  expect([next.revoked, again.revoked]).toEqual([false, false]);
});

it('requests without a number of their own are served one after the other', async () => {
  const lines = new Lines();
  for (const text of ['one', 'two']) {
    const request = new Request(lines, 1);
    request.answer.resolve(text);
    expect([await request.served, request.revoked]).toEqual([text, false]);
  }
});
