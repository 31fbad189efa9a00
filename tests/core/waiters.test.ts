/** Who is handed a message in the moment it is stored, and what becomes of it when that one has just left. */
import { expect, it } from 'vitest';
import type { Handed, SessionRecord } from '../../broker/store/store.ts';
import { Waiters } from '../../broker/waiters.ts';

function session(id: string, peer_id = 'bob'): SessionRecord {
  return { id, peer_id, process: `process of ${id}`, ended: false, end_reason: null };
}

function letter(to: SessionRecord, message_id: string): Handed {
  return { session: to, message: { message_id } as Handed['message'] };
}

it('hands what one commit leased to a session at once, and counts it as waiting no longer', () => {
  const waiters = new Waiters();
  const bob = session('b1');
  const got: string[][] = [];
  waiters.join(bob, (messages) => got.push(messages.map(({ message_id }) => message_id)));
  expect(waiters.of('bob')).toBe(bob);
  waiters.hand([letter(bob, 'm1'), letter(bob, 'm2')]);
  expect(got).toEqual([['m1', 'm2']]);
  expect(waiters.of('bob')).toBeUndefined();
  expect(waiters.hasMissed('b1')).toBe(false);
});

it('remembers that a session left before it was handed what was leased to it', () => {
  const waiters = new Waiters();
  const bob = session('b1');
  const leave = waiters.join(bob, () => expect.unreachable());
  leave();
  waiters.hand([letter(bob, 'm1')]);
  expect(waiters.hasMissed('b1')).toBe(true);
  waiters.catchesUp('b1');
  expect(waiters.hasMissed('b1')).toBe(false);
});

it('never hands one session what was leased to another of the same peer', () => {
  const waiters = new Waiters();
  waiters.join(session('b2'), () => expect.unreachable());
  waiters.hand([letter(session('b1'), 'm1')]);
  expect(waiters.hasMissed('b1')).toBe(true);
  expect(waiters.of('bob')?.id).toBe('b2');
});

it('keeps the newer request of a session when the older one leaves', () => {
  const waiters = new Waiters();
  const bob = session('b1');
  const leaveFirst = waiters.join(bob, () => expect.unreachable());
  const got: number[] = [];
  waiters.join(bob, (messages) => got.push(messages.length));
  leaveFirst();
  waiters.hand([letter(bob, 'm1')]);
  expect(got).toEqual([1]);
});
