import { PeersError, toPeersError } from '../../shared/errors.ts';

/** Says in the product's terms what SQLite failed at. */
export function storageError(path: string, thrown: unknown): PeersError {
  if (thrown instanceof PeersError) return thrown;
  const code = String((thrown as { code?: unknown })?.code ?? '');
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const because = `${path}: ${message}`;
  // a quota or a limit on file size is a failed write to SQLite, no full disk
  if (/FULL|ENOSPC|EDQUOT|EFBIG|IOERR_(WRITE|FSYNC|SHMSIZE)/.test(code) || /disk is full/i.test(message)) {
    return new PeersError(
      'storage_full',
      `The disk is full or your quota is used up (${because}).`,
      'Free some space and send again; nothing that was acknowledged is lost.',
      { cause: thrown },
    );
  }
  if (
    /READONLY|EROFS|EACCES|EPERM|CANTOPEN|ENOTDIR|EISDIR|EEXIST|ENOENT|ELOOP|ENAMETOOLONG/.test(code) ||
    /readonly|unable to open/i.test(message)
  ) {
    return new PeersError(
      'database_read_only',
      `The database cannot be written (${because}).`,
      'Make the file and its folder writable for you, or set AGENT_PEERS_DB to another file.',
      { cause: thrown },
    );
  }
  if (/CORRUPT|NOTADB/.test(code) || /malformed|not a database/i.test(message)) {
    return new PeersError(
      'database_damaged',
      `The database is damaged (${because}).`,
      'It was left as it is. Run agent-peers kill-broker, then move it away to start with an empty one, or put back a copy from ~/.agent-peers/backups.',
      { cause: thrown },
    );
  }
  return toPeersError(thrown);
}
