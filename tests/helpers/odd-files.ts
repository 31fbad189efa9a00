/** What can have the name of a file and is none that could be read to its end. */
import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';

const SYSTEM = { makeFifo: 'mkfifo' };

/** Only its owner may open it, and waits then until somebody writes. */
export function fifo(path: string): void {
  execFileSync(SYSTEM.makeFifo, ['-m', '600', path]);
}

/** A link to a device that can be read for ever. */
export function endless(path: string): void {
  symlinkSync('/dev/zero', path);
}
