/** Finds Claude Code and Codex on this machine, and asks them for their version. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Env } from '../../shared/config.ts';
import { pathFolders } from '../../shared/system.ts';
import type { Place } from './file-edit.ts';

export type ClientName = 'claude' | 'codex';

export interface FoundClient {
  readonly name: ClientName;
  readonly path: string;
  /** Undefined where it does not tell. */
  readonly version: string | undefined;
}

export const CLIENT_TITLES: Record<ClientName, string> = { claude: 'Claude Code', codex: 'Codex' };

const VERSION_TIMEOUT_MS = 20_000;

/** Where the clients' own installers put them when that folder is not on PATH. */
function knownFolders({ home }: Place): string[] {
  return [
    join(home, '.local', 'bin'),
    join(home, '.claude', 'local'),
    join(home, '.npm-global', 'bin'),
    join(home, '.bun', 'bin'),
    join(home, '.volta', 'bin'),
    '/opt/homebrew/bin',
    '/usr/local/bin',
  ];
}

/** PATH first; undefined where no such program is there. */
export async function findClient(name: ClientName, place: Place): Promise<FoundClient | undefined> {
  const path = await findProgram(name, place.env, knownFolders(place));
  return path === undefined ? undefined : { name, path, version: await versionOf(path, place.env) };
}

async function findProgram(name: string, env: Env, more: readonly string[] = []): Promise<string | undefined> {
  const folders = [...pathFolders(env), ...more];
  for (const folder of folders) {
    const path = join(folder, name);
    if (await isProgram(path)) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function versionOf(path: string, env: Env): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { env: { ...env }, timeout: VERSION_TIMEOUT_MS });
    return /\d+\.\d+\.\d+(?:-[\w.]+)?/.exec(stdout)?.[0];
  } catch {
    return undefined; // a program of that name that is not the client, or a broken one: doctor says so
  }
}
