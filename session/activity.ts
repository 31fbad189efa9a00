/**
 * Whether the agent works or is idle, from the best that tells it: the client's own server, its hooks, or, without
 * both, the model's calls of our tools.
 */
import type { Activity } from '../shared/contract/types.ts';

/** Without better evidence: a turn that made no call of ours for so long has probably ended. */
const SILENCE_MS = 120_000;
/** Claude Code runs no hook when its user breaks a turn off (seen), and gives a command at most this long. */
const HOOKS_SILENCE_MS = 10 * 60_000;

export class ActivityTracker {
  readonly #changed: (activity: Activity) => void;
  #now: Activity = 'unknown';
  #by: 'calls' | 'hooks' | 'client' = 'calls';
  #silence: NodeJS.Timeout | undefined;

  constructor(changed: (activity: Activity) => void) {
    this.#changed = changed;
  }

  get now(): Activity {
    return this.#now;
  }

  /** The client's server says so, and says every change. */
  told(activity: 'busy' | 'idle'): void {
    this.#by = 'client';
    clearTimeout(this.#silence);
    this.#set(activity);
  }

  /** The client's server says nothing any more. */
  untold(): void {
    this.#by = 'calls';
  }

  /** A hook ran. */
  hooked(activity: 'busy' | 'idle'): void {
    if (this.#by === 'client') return;
    this.#by = 'hooks';
    clearTimeout(this.#silence);
    this.#set(activity);
    if (activity === 'busy') this.#afterSilence(HOOKS_SILENCE_MS, 'unknown');
  }

  /** The model called a tool. */
  called(): void {
    this.#set('busy');
    if (this.#by !== 'calls') return;
    clearTimeout(this.#silence);
    this.#afterSilence(SILENCE_MS, 'idle');
  }

  #afterSilence(ms: number, activity: Activity): void {
    this.#silence = setTimeout(() => this.#set(activity), ms);
    this.#silence.unref();
  }

  #set(activity: Activity): void {
    if (activity === this.#now) return;
    this.#now = activity;
    this.#changed(activity);
  }
}
