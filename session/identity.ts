/** The credentials by which a session with a `PEER_NAME` is the same peer again: one file a name, 0600, in ~/.agent-peers/peers. */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAME_PATTERN } from '../shared/contract/common.ts';
import { readRegularFileSync } from '../shared/read-file.ts';
import { ensurePrivateFolder } from '../shared/secret.ts';

export interface Credential {
  readonly peer_id: string;
  readonly credential: string;
}

/** An id and a credential. */
const MAX_BYTES = 4 * 1024;

function folder(home: string): string {
  return join(home, 'peers');
}

/** What was given out for this name and its numbered kin, the plain name first. */
export function readCredentials(home: string, name: string): Credential[] {
  if (!NAME_PATTERN.test(name)) return [];
  const own = new RegExp(`^${name.toLowerCase()}(?:-(\\d+))?\\.json$`);
  let files: string[];
  try {
    files = readdirSync(folder(home));
  } catch {
    return []; // no session with a name has been here yet
  }
  return files
    .flatMap((file) => {
      const match = own.exec(file);
      return match ? [{ file, n: Number(match[1] ?? 1) }] : [];
    })
    .sort((a, b) => a.n - b.n)
    .flatMap(({ file }) => {
      try {
        const { peer_id, credential } = JSON.parse(
          readRegularFileSync(join(folder(home), file), MAX_BYTES).toString('utf8'),
        ) as Credential;
        return typeof peer_id === 'string' && typeof credential === 'string' ? [{ peer_id, credential }] : [];
      } catch {
        return []; // half a file: the name gets a new peer, as if it had none
      }
    });
}

/** Keeps what a new peer was given, under the name it got. */
export function saveCredential(home: string, name: string, credential: Credential): void {
  ensurePrivateFolder(home);
  ensurePrivateFolder(folder(home));
  const path = join(folder(home), `${name.toLowerCase()}.json`);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(credential)}\n`, { mode: 0o600 });
  renameSync(draft, path);
}
