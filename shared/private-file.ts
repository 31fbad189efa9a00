/** Small files that only their owner may read, such as the secret. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { PeersError } from './errors.ts';

/**
 * Makes the file (0600), whole or not at all. Where it exists it stays as it is: of several writers the first wins.
 * @throws PeersError `storage_full`, or `invalid_config` where the folder cannot be written
 */
export function createPrivateFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const fd = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
      // fails if the name exists, so that nobody ever reads half a file or sees one replaced
      linkSync(draft, path);
    } finally {
      closeSync(fd);
      unlinkSync(draft);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeFailure(path, error);
  }
}

/** Says why something could not be written, by the code of the system's error. */
export function writeFailure(path: string, cause: unknown): PeersError {
  const { code, message } = cause as NodeJS.ErrnoException;
  // a quota or a limit on file size is no room either
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code ?? '')
    ? new PeersError(
        'storage_full',
        `There is no room for ${path} (${code}).`,
        'Free some space; the next session tries again.',
        { cause },
      )
    : new PeersError(
        'invalid_config',
        `${path} cannot be written (${code ?? message}).`,
        'Make the folder writable for you, or set AGENT_PEERS_HOME to one that is.',
        { cause },
      );
}
