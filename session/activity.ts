/**
 * Whether the agent works or is idle, from what the session sees. Hooks and the app-server say it; without them a tool
 * call means busy, and a long silence after one means idle.
 */
import type { Activity } from '../shared/contract/types.ts';

/** Without better evidence: a turn that made no call of ours for so long has probably ended. */
const SILENCE_MS = 120_000;

export class ActivityTracker {
  readonly #changed: (activity: Activity) => void;
  #now: Activity = 'unknown';
  /** Something tells when a turn ends: silence then means nothing. */
  #told = false;
  #silence: NodeJS.Timeout | undefined;

  constructor(changed: (activity: Activity) => void) {
    this.#changed = changed;
  }

  get now(): Activity {
    return this.#now;
  }

  /** A hook or the client's server says so. */
  told(activity: 'busy' | 'idle'): void {
    this.#told = true;
    clearTimeout(this.#silence);
    this.#set(activity);
  }

  /** The model called a tool. */
  called(): void {
    this.#set('busy');
    if (this.#told) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#set('idle'), SILENCE_MS);
    this.#silence.unref();
  }

  #set(activity: Activity): void {
    if (activity === this.#now) return;
    this.#now = activity;
    this.#changed(activity);
  }
}
