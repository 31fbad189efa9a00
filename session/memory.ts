/** A session is idle nearly always, and there are many: what starting up has left behind is given back at once. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const SETTLE_MS = 2_500;

/** Tells V8 to prefer little memory to fast code. Call it before the rest is loaded. */
export function preferLittleMemory(): void {
  if (process.versions['bun']) return;
  setFlagsFromString('--optimize-for-size');
}

/** One full collection, a moment after the session has come up. */
export function collectAfterStart(): void {
  const timer = setTimeout(() => {
    if (process.versions['bun']) {
      (globalThis as { Bun?: { gc(force: boolean): void } }).Bun?.gc(true);
      return;
    }
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    setFlagsFromString('--no-expose-gc');
  }, SETTLE_MS);
  timer.unref();
}
