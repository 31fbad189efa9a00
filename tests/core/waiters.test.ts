/** Who is handed a message in the moment it is stored, and what becomes of it when that one has just left. */
import { expect, it } from 'vitest';
import type { WaitingSession } from '../../broker/store/mailbox.ts';
import type { Handed } from '../../broker/store/unit.ts';
import { Waiters } from '../../broker/waiters.ts';

function session(id: string, request = 1, peer_id = 'bob'): WaitingSession {
  return { session: { id, peer_id, process: `process of ${id}`, ended: false, end_reason: null }, request };
}

function letter(to: WaitingSession, message_id: string): Handed {
  return { to, message: { message_id } as Handed['message'] };
}

it('hands what one commit leased to a session at once, and counts it as waiting no longer', () => {
  const waiters = new Waiters();
  const bob = session('b1');
  const got: string[][] = [];
  waiters.join(bob, (messages) => got.push(messages.map(({ message_id }) => message_id)));
  expect(waiters.of('bob')).toMatchObject(bob);
  waiters.hand([letter(bob, 'm1'), letter(bob, 'm2')]);
  expect(got).toEqual([['m1', 'm2']]);
  expect(waiters.of('bob')).toBeUndefined();
});

it('hands nothing to a session that has left: its next look finds what was leased to it', () => {
  const waiters = new Waiters();
  const bob = session('b1');
  const leave = waiters.join(bob, () => expect.unreachable());
  leave();
  waiters.hand([letter(bob, 'm1')]);
});

it('never hands one request what was leased for another, of this session or another of the same peer', () => {
  const waiters = new Waiters();
  waiters.join(session('b2', 2), () => expect.unreachable());
  waiters.hand([letter(session('b1', 2), 'm1'), letter(session('b2', 1), 'm2')]);
  expect(waiters.of('bob')).toMatchObject({ session: { id: 'b2' }, request: 2 });
});

it('keeps the newer request of a session when the older one leaves', () => {
  const waiters = new Waiters();
  const leaveFirst = waiters.join(session('b1', 1), () => expect.unreachable());
  const got: number[] = [];
  waiters.join(session('b1', 2), (messages) => got.push(messages.length));
  leaveFirst();
  waiters.hand([letter(session('b1', 2), 'm1')]);
  expect(got).toEqual([1]);
});
