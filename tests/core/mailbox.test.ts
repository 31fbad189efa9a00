/** What a sender is told: the truth about where a message stands. */
import { describe, expect, it } from 'vitest';
import {
  assertText,
  type Entry,
  isAbandoned,
  type Recipient,
  describe as say,
  shownState,
  when,
} from '../../broker/core/mailbox.ts';
import { MESSAGE_MAX_BYTES, ORPHAN_GRACE_MS } from '../../shared/limits.ts';
import { peerText } from '../../shared/peer-text.ts';

const NOW = Date.UTC(2030, 0, 2, 9, 30);
const bob: Recipient = {
  name: 'bob',
  kind: 'codex',
  online: true,
  status: 'active',
  status_message: peerText(''),
  push_route: 'none',
  last_seen_at: NOW,
};
const queued: Entry = { state: 'queued', pushed_at: null, push_route: null, push_error: null };
const leased: Entry = { ...queued, state: 'leased' };
const pushed: Entry = { ...leased, pushed_at: NOW, push_route: 'channel' };
const away = { ...bob, online: false, last_seen_at: NOW - ORPHAN_GRACE_MS };

describe('what a sender is told', () => {
  it.each<[string, Entry, Recipient, string, string]>([
    ['no route', queued, bob, 'waiting', 'waiting for the next tool call of bob (codex, no push route).'],
    [
      'a push under way',
      leased,
      { ...bob, push_route: 'channel' },
      'waiting',
      'waiting for the next tool call of bob (codex, not pushed yet by channel).',
    ],
    [
      'a failed push',
      { ...leased, push_error: peerText('socket closed'), push_route: 'inbox-socket' },
      { ...bob, push_route: 'inbox-socket' },
      'waiting',
      'waiting for the next tool call of bob (codex, push failed: "socket closed").',
    ],
    ['pushed', pushed, { ...bob, push_route: 'channel' }, 'pushed', 'pushed (channel) to bob; not confirmed yet.'],
    ['confirmed', { ...pushed, state: 'confirmed' }, bob, 'confirmed', 'bob has it.'],
    [
      'offline',
      queued,
      { ...away, last_seen_at: NOW - 90 * 60_000 },
      'offline',
      'bob is offline since 08:00 UTC; kept until it returns.',
    ],
    [
      'offline since another day',
      queued,
      { ...away, last_seen_at: NOW - 24 * 60 * 60_000 },
      'offline',
      'bob is offline since 2030-01-01 09:30 UTC; kept until it returns.',
    ],
    ['pushed to somebody who left', pushed, away, 'offline', 'bob is offline since 09:29 UTC; kept until it returns.'],
    [
      'given up',
      { ...queued, state: 'orphaned' },
      away,
      'offline',
      'orphaned: bob did not return in time; only the operator can requeue it',
    ],
    [
      'the human',
      queued,
      { ...away, name: 'operator', kind: 'human' },
      'waiting',
      'waiting until operator (the human) reads the inbox.',
    ],
  ])('%s', (_, entry, recipient, outcome, detail) => {
    expect(say(entry, recipient, NOW)).toEqual({ outcome, detail });
  });

  it.each<[string, Entry, Recipient]>([
    ['waiting', queued, bob],
    ['pushed', pushed, bob],
    ['confirmed', { ...pushed, state: 'confirmed' }, bob],
    ['offline', queued, away],
  ])('warns of do-not-disturb when %s, with its reason', (_, entry, recipient) => {
    const plain = say(entry, { ...recipient, status: 'dnd' }, NOW).detail;
    expect(plain).toMatch(/ bob is on do-not-disturb: expect a late answer\.$/);
    const reasoned = say(entry, { ...recipient, status: 'dnd', status_message: peerText('in a demo') }, NOW).detail;
    expect(reasoned).toMatch(/ bob is on do-not-disturb \("in a demo"\): expect a late answer\.$/);
    expect(say(entry, { ...recipient, status: 'busy' }, NOW).detail).not.toContain('disturb');
  });
});

describe('the state that is shown', () => {
  it.each<[string, Entry, Recipient]>([
    ['queued', queued, bob],
    ['leased', leased, bob],
    ['pushed', pushed, bob],
    // a push is a note on a lease: once the lease is lost it proves nothing
    ['queued', { ...pushed, state: 'queued' }, bob],
    ['confirmed', { ...pushed, state: 'confirmed' }, away],
    ['orphaned', queued, away],
    ['orphaned', { ...queued, state: 'orphaned' }, bob],
    ['queued', queued, { ...away, kind: 'human' }],
    ['queued', queued, { ...away, last_seen_at: NOW - ORPHAN_GRACE_MS + 1 }],
  ])('is %s', (state, entry, recipient) => {
    expect(shownState(entry, recipient, NOW)).toBe(state);
  });

  it('nobody is abandoned while a session is there, however long ago it came', () => {
    expect(isAbandoned({ ...bob, last_seen_at: 0 }, NOW)).toBe(false);
  });
});

describe('a text', () => {
  it.each(['', ' ', '\n\t '])('%j is empty', (text) => {
    expect(() => assertText(peerText(text))).toThrow(expect.objectContaining({ code: 'message_empty' }));
  });

  it('may have 64 KB of UTF-8, and not a byte more', () => {
    const longest = 'ü'.repeat(MESSAGE_MAX_BYTES / 2);
    expect(() => assertText(peerText(longest))).not.toThrow();
    expect(() => assertText(peerText(`${longest}!`))).toThrow(
      expect.objectContaining({
        code: 'message_too_large',
        message: expect.stringContaining(`${MESSAGE_MAX_BYTES + 1} bytes`),
      }),
    );
  });
});

it('names a time of today by the clock, another with its date', () => {
  expect(when(Date.UTC(2030, 0, 2, 0, 0), NOW)).toBe('00:00 UTC');
  expect(when(Date.UTC(2030, 0, 1, 23, 59), NOW)).toBe('2030-01-01 23:59 UTC');
});
