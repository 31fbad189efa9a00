/**
 * The per-user secret that proves to a client that it talks to its own broker, and to the broker that a
 * client belongs to the same user. It never travels: both sides only send values derived from it.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PeersError } from './errors.ts';
import { readRegularFileSync, UnfitFile } from './read-file.ts';

const SECRET_BYTES = 32;
/** Of the file, which holds them in hexadecimal digits. */
export const SECRET_FILE_MAX_BYTES = 1024;

export function secretPath(home: string): string {
  return join(home, 'secret');
}

function unsafe(path: string, what: string, remedy: string): PeersError {
  return new PeersError('secret_unsafe', `${path} ${what}.`, remedy);
}

function assertPrivate(path: string, kind: 'folder' | 'file'): void {
  const stat = statSync(path);
  const uid = process.getuid?.();
  if (uid !== undefined && stat.uid !== uid) {
    throw unsafe(path, 'belongs to another user', `Move it away; a new ${kind} is made at the next start.`);
  }
  if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
    throw unsafe(
      path,
      'can be opened by other users of this machine',
      kind === 'file'
        ? `Run: chmod 600 ${path} - or, if others may have read it, delete it: a new one is made.`
        : `Run: chmod 700 ${path}`,
    );
  }
}

/**
 * Makes the folder (0700) where it is missing.
 * @throws PeersError `invalid_config` where it cannot be made, `secret_unsafe` where others can enter it
 */
export function ensurePrivateFolder(path: string): void {
  try {
    if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700);
  } catch (error) {
    throw new PeersError(
      'invalid_config',
      `The folder ${path} cannot be made (${(error as NodeJS.ErrnoException).code}).`,
      'Set AGENT_PEERS_HOME to a folder that you can write.',
      { cause: error },
    );
  }
  assertPrivate(path, 'folder');
}

/**
 * @throws PeersError `secret_missing` where there is none yet, `secret_unsafe` where others could have read it
 */
export function readSecret(home: string): Buffer {
  const path = secretPath(home);
  let text: string;
  try {
    assertPrivate(path, 'file');
    text = readRegularFileSync(path, SECRET_FILE_MAX_BYTES).toString('utf8').trim();
  } catch (error) {
    if (error instanceof PeersError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new PeersError(
        'secret_missing',
        `${path} does not exist.`,
        'The broker makes it when it starts; start any session or run: agent-peers status --start',
        { cause: error },
      );
    }
    if (!(error instanceof UnfitFile)) {
      throw unsafe(
        path,
        `cannot be read (${(error as NodeJS.ErrnoException).code})`,
        'Make it readable for you, mode 600.',
      );
    }
    text = ''; // it holds none
  }
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw unsafe(
      path,
      'does not hold a valid secret',
      'Delete it: a broker that runs ends within ten seconds, and the next session starts one with a new secret.',
    );
  }
  return Buffer.from(text, 'hex');
}

/** Reads the secret, or makes one (0600). Two brokers starting at once end up with the same one. */
export function ensureSecret(home: string): Buffer {
  ensurePrivateFolder(home);
  try {
    return readSecret(home);
  } catch (error) {
    if (!(error instanceof PeersError) || error.code !== 'secret_missing') throw error;
  }
  const draft = `${secretPath(home)}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const fd = openSync(draft, 'wx', 0o600);
  try {
    writeSync(fd, `${randomBytes(SECRET_BYTES).toString('hex')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  try {
    // link() fails if the name exists: whoever is first wins, and nobody ever reads a half-written secret
    linkSync(draft, secretPath(home));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return readSecret(home);
}

/** What a broker on `port` answers to a client's nonce; the port keeps another port's broker from being replayed. */
export function brokerProof(secret: Buffer, nonce: string, port: number): string {
  return createHmac('sha256', secret).update(`agent-peers broker ${port} ${nonce}`).digest('base64url');
}

/** The Bearer value of this user's programs: it registers sessions and runs operator commands. */
export function machineKey(secret: Buffer): string {
  return createHmac('sha256', secret).update('agent-peers machine key 1').digest('base64url');
}

export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What the store keeps of a token or credential. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

export function equalSecrets(left: string, right: string): boolean {
  const a = createHash('sha256').update(left).digest();
  const b = createHash('sha256').update(right).digest();
  return timingSafeEqual(a, b);
}
