/** What peers are told about a session: busy, idle, or nothing where nothing tells. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ActivityTracker } from '../../session/activity.ts';

const MINUTE = 60_000;

let seen: string[];
let activity: ActivityTracker;
beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  activity = new ActivityTracker((now) => seen.push(now));
});
afterEach(() => vi.useRealTimers());

describe('a session', () => {
  it('without hooks is busy from a tool call on and idle after two silent minutes', () => {
    activity.called();
    vi.advanceTimersByTime(MINUTE);
    activity.called();
    vi.advanceTimersByTime(2 * MINUTE);
    expect(seen).toEqual(['busy', 'idle']);
  });

  it('with hooks is busy and idle when they say so', () => {
    activity.hooked('busy');
    activity.called();
    vi.advanceTimersByTime(9 * MINUTE);
    expect(seen).toEqual(['busy']);
    activity.hooked('idle');
    vi.advanceTimersByTime(60 * MINUTE);
    expect(seen).toEqual(['busy', 'idle']);
  });

  it('with hooks whose user broke the turn off does not stay busy for ever', () => {
    activity.hooked('busy');
    vi.advanceTimersByTime(10 * MINUTE);
    expect(seen).toEqual(['busy', 'unknown']);
  });

  it('of a client that tells every change stays busy until it says otherwise', () => {
    activity.told('busy');
    activity.hooked('busy');
    vi.advanceTimersByTime(60 * MINUTE);
    expect(seen).toEqual(['busy']);
    activity.told('idle');
    expect(seen).toEqual(['busy', 'idle']);
  });
});
