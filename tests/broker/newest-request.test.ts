/** A session's requests for mail: the newest alone is served, in whatever order they come in and end. */
import { expect, it } from 'vitest';
import { NewestRequests } from '../../broker/newest-request.ts';
import { type Deferred, deferred } from '../../shared/deferred.ts';

class Request {
  readonly answer: Deferred<string> = deferred();
  readonly served: Promise<string>;
  began = false;
  revoked = false;

  constructor(newestRequests: NewestRequests, number: number, session = 's1') {
    const revoke = () => {
      this.revoked = true;
    };
    this.served = newestRequests.serve(session, number, revoke, () => {
      this.began = true;
      return this.answer.promise;
    });
  }
}

it('an older request is revoked, and over before the newer one begins', async () => {
  const newestRequests = new NewestRequests();
  const [first, second, third] = [1, 2, 3].map((number) => new Request(newestRequests, number)) as [
    Request,
    Request,
    Request,
  ];
  const other = new Request(newestRequests, 1, 's2');
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
  const newestRequests = new NewestRequests();
  const newer = new Request(newestRequests, 2);
  const during = new Request(newestRequests, 1);
  newer.answer.resolve('newer');
  await newer.served;
  const after = new Request(newestRequests, 1);
  expect([newer.revoked, during.revoked, after.revoked]).toEqual([false, true, true]);
  const next = new Request(newestRequests, 3);
  newestRequests.forget('s1');
  const again = new Request(newestRequests, 1);
  expect([next.revoked, again.revoked]).toEqual([false, false]);
});

it('requests without a number of their own are served one after the other', async () => {
  const newestRequests = new NewestRequests();
  for (const text of ['one', 'two']) {
    const request = new Request(newestRequests, 1);
    request.answer.resolve(text);
    expect([await request.served, request.revoked]).toEqual([text, false]);
  }
});
