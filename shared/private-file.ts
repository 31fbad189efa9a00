/** Small files that only their owner may read, such as the secret. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { PeersError } from './errors.ts';

/**
 * Makes the file (0600), whole or not at all. Where it exists it stays as it is: of several writers the first wins.
 * @throws PeersError `storage_full`, or `invalid_config` where the folder cannot be written
 */
export function createPrivateFile(path: string, text: string): void {
  try {
    // fails if the name exists, so that nobody ever reads half a file or sees one replaced
    withDraft(path, text, (draft) => linkSync(draft, path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeFailure(path, error);
  }
}

/**
 * Makes the file (0600), or replaces it: whoever reads it meanwhile gets the old one or the new one, whole.
 * @throws PeersError as {@link createPrivateFile}
 */
export function replacePrivateFile(path: string, text: string): void {
  try {
    withDraft(path, text, (draft) => renameSync(draft, path));
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** Writes a file beside it, which is gone afterwards. */
function withDraft(path: string, text: string, use: (draft: string) => void): void {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const fd = openSync(draft, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
    use(draft);
  } finally {
    closeSync(fd);
    rmSync(draft, { force: true });
  }
}

/** A quota or a limit on file size is no room either. */
export function isNoRoom(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Says why something could not be written, by the code of the system's error. */
export function writeFailure(path: string, cause: unknown): PeersError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return isNoRoom(cause)
    ? new PeersError('storage_full', `There is no room for ${path} (${code}).`, 'Free some space, then try again.', {
        cause,
      })
    : new PeersError(
        'invalid_config',
        `${path} cannot be written (${code ?? message}).`,
        'Make the folder writable for you, or set AGENT_PEERS_HOME to one that is.',
        { cause },
      );
}
