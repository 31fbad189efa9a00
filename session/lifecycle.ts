/** A session ends with its client: on a signal, at the end of standard input, or when the process that started it dies. */

/** The rare case: most clients close standard input when they die. Out of discovery within five seconds all the same. */
const PARENT_CHECK_MS = 3_000;

/** Calls `end` once, with the reason. */
export function watchClient(end: (reason: string) => void): void {
  const once = (reason: string) => () => {
    clearInterval(timer);
    end(reason);
  };
  const parent = process.ppid;
  // the end of standard input is not enough: another child of the client may hold its other end open
  const timer = setInterval(() => {
    if (process.ppid !== parent) once('parent died')();
  }, PARENT_CHECK_MS);
  timer.unref();
  process.once('SIGINT', once('SIGINT'));
  process.once('SIGTERM', once('SIGTERM'));
  process.once('SIGHUP', once('SIGHUP'));
}
