/** What one sync to the disk takes: nothing that is acknowledged only when it is on disk can be quicker. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = Buffer.alloc(4096);

export class DiskProbe {
  #file;

  /** @param {string} folder on the disk in question */
  constructor(folder) {
    this.#file = openSync(join(folder, 'sync-probe'), 'w');
  }

  /** Writes one page more, as a log does. @returns {number} ms until it was on disk */
  sync() {
    const start = performance.now();
    writeSync(this.#file, PAGE);
    fdatasyncSync(this.#file);
    return performance.now() - start;
  }

  close() {
    closeSync(this.#file);
  }
}
