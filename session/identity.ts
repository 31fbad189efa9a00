/** What a session shows the broker to be the peer that it was before. */
import { createHash, createHmac } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Conversation } from '../shared/contract/types.ts';
import { PeersError, toPeersError } from '../shared/errors.ts';
import { CONVERSATION_ID_MAX_CHARS } from '../shared/limits.ts';
import { createPrivateFile } from '../shared/private-file.ts';
import { readRegularFileSync, UnfitFile } from '../shared/read-file.ts';
import { readSecret } from '../shared/secret.ts';

/** HMAC-SHA256 in base64url. */
const CREDENTIAL = /^[\w-]{43}$/;

export interface HomeCredential {
  readonly credential: string;
  /** Why it is not on disk yet; undefined where it is. */
  readonly unsaved: PeersError | undefined;
}

/** One line. */
const CREDENTIAL_MAX_BYTES = 1024;

export function credentialPath(home: string): string {
  return join(home, 'credential');
}

/**
 * The credential of all peers of this home. It begins as a value derived from the secret and is kept in a file of its
 * own (0600), so that it survives a new secret. Until it could be written every session derives the same one: no peer
 * depends on a write that comes after its registration.
 * @param mine what this session registered with, should it not be on disk yet
 * @throws PeersError `invalid_config` where the file cannot be read, or one of {@link readSecret}'s
 */
export function homeCredential(home: string, mine?: string): HomeCredential {
  const path = credentialPath(home);
  const saved = readCredential(path);
  if (saved !== undefined && CREDENTIAL.test(saved)) return { credential: saved, unsaved: undefined };
  const credential = mine ?? derivedCredential(home);
  try {
    // damaged: no peer was made with what it says
    if (saved !== undefined) rmSync(path);
    createPrivateFile(path, `${credential}\n`);
    // of several sessions the first wins, and one with another secret may have been the first
    const kept = readCredential(path);
    return { credential: kept !== undefined && CREDENTIAL.test(kept) ? kept : credential, unsaved: undefined };
  } catch (error) {
    return { credential, unsaved: toPeersError(error) };
  }
}

function derivedCredential(home: string): string {
  return createHmac('sha256', readSecret(home)).update('agent-peers credential 1').digest('base64url');
}

/** @returns what the file says; undefined where there is none */
function readCredential(path: string): string | undefined {
  try {
    return readRegularFileSync(path, CREDENTIAL_MAX_BYTES).toString('utf8').trim();
  } catch (cause) {
    // no credential of ours was ever in such a thing
    if (cause instanceof UnfitFile) return '';
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // going on with another credential would make this session another peer
    throw new PeersError('invalid_config', `${path} cannot be read (${code}).`, 'Make it readable for you, mode 600.', {
      cause,
    });
  }
}

/** The conversation as the broker knows it. Clients of kind `other` are kept apart by their names. */
export function conversationOf(kind: Conversation['client'], clientName: string, id: string): Conversation {
  const full = kind === 'other' ? `${clientName}:${id}` : id;
  // cut off, two long ids could become one
  const fits = full.length <= CONVERSATION_ID_MAX_CHARS;
  return { client: kind, id: fits ? full : createHash('sha256').update(full).digest('base64url') };
}
