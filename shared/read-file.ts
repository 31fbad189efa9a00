/**
 * Reads files that another program may have prepared. A FIFO in their place would wait for a writer for ever, a device
 * such as /dev/zero would never end: only regular files are read, and only up to a size.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';

/** The file is not what it should be. Every other failure is the system's own error. */
export class UnfitFile extends Error {
  /** `EFTYPE`: not a regular file. `EFBIG`: longer than allowed. */
  readonly code: 'EFTYPE' | 'EFBIG';

  constructor(code: UnfitFile['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** With O_NONBLOCK, opening a FIFO returns at once. Windows has neither. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const CHUNK_BYTES = 16 * 1024;

/**
 * Follows symbolic links.
 * @throws UnfitFile for anything but a regular file of at most `maxBytes` bytes; the system's error where it cannot be
 * opened or read
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  // looked at before, since opening a device can have effects, and after, since it may have been replaced in between
  assertFit(await stat(path), maxBytes);
  const file = await open(path, FLAGS);
  try {
    assertFit(await file.stat(), maxBytes);
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
      if (bytesRead === 0) return Buffer.concat(chunks, total);
      total += bytesRead;
      if (total > maxBytes) throw tooBig(maxBytes);
      chunks.push(chunk.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** As {@link readRegularFile}. */
export function readRegularFileSync(path: string, maxBytes: number): Buffer {
  assertFit(statSync(path), maxBytes);
  const fd = openSync(path, FLAGS);
  try {
    assertFit(fstatSync(fd), maxBytes);
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const bytesRead = readSync(fd, chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return Buffer.concat(chunks, total);
      total += bytesRead;
      if (total > maxBytes) throw tooBig(maxBytes);
      chunks.push(chunk.subarray(0, bytesRead));
    }
  } finally {
    closeSync(fd);
  }
}

/** The size is only a hint: files in /proc have none, and others grow while they are read. */
function assertFit(stats: Stats, maxBytes: number): void {
  if (!stats.isFile()) throw new UnfitFile('EFTYPE', 'it is not a regular file');
  if (stats.size > maxBytes) throw tooBig(maxBytes);
}

function tooBig(maxBytes: number): UnfitFile {
  return new UnfitFile('EFBIG', `it is longer than ${maxBytes / 1024} KB`);
}
