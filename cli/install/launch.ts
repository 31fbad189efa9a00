/** What clients are told to start: this very installation, by paths that stay true after an update. */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { devNull } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { PeersError } from '../../shared/errors.ts';
import { absolutePath, pathFolders } from '../../shared/system.ts';
import { VERSION } from '../../shared/version.ts';
import type { Io } from '../io.ts';
import type { Launch } from './file-edit.ts';

export const PACKAGE_NAME = 'agent-peers-mcp';
const INSTALL_TIMEOUT_MS = 10 * 60_000;

export interface Launches {
  readonly claude: Launch;
  /** Serves every other client too. */
  readonly codex: Launch;
}

/** `npx` keeps packages in a cache that npm may empty at any time: no client may depend on what is there. */
export function isTemporary({ brokerEntry }: Pick<Io, 'brokerEntry'>): boolean {
  return /[\\/](?:_npx|bunx-[^\\/]*)[\\/]/.test(brokerEntry);
}

/**
 * A session starts in the folder that somebody works in. Bun would take settings from there: programs to run from
 * bunfig.toml, environment variables from .env, and other files in place of ours from tsconfig.json. Node takes none.
 */
const FLAGS: Record<Io['runtime']['name'], readonly string[]> = {
  node: [],
  // --no-env-file is newer than Bun 1.3.0
  bun: ['config', 'env-file', 'tsconfig-override'].map((name) => `--${name}=${devNull}`),
};

/** @param entries the folder of the entries, where that is not the one this program runs from */
export function launches(io: Pick<Io, 'brokerEntry' | 'runtime' | 'env'>, entries?: string): Launches {
  const command = stablePath(io);
  const folder = entries ?? dirname(io.brokerEntry);
  const extension = extname(io.brokerEntry);
  const launch = (name: string): Launch => ({
    command,
    args: [...FLAGS[io.runtime.name], join(folder, `${name}${extension}`)],
  });
  return { claude: launch('claude-server'), codex: launch('codex-server') };
}

/**
 * The runtime as PATH names it, where that is the one that runs: a version manager's or package manager's link stays
 * the same when the runtime behind it is replaced.
 */
function stablePath({ runtime, env }: Pick<Io, 'runtime' | 'env'>): string {
  const real = realpathSync(runtime.path);
  return (
    pathFolders(env)
      .map((folder) => join(folder, runtime.name))
      .find((path) => isSame(path, real)) ?? runtime.path
  );
}

function isSame(path: string, real: string): boolean {
  try {
    return realpathSync(path) === real;
  } catch {
    return false; // nothing of that name in that folder
  }
}

export const GLOBAL_INSTALL = ['install', '--global', `${PACKAGE_NAME}@${VERSION}`] as const;

/** Installs this version of the package for good. @returns the folder of its entries */
export async function installGlobally({ env }: Pick<Io, 'env'>): Promise<string> {
  const options = { env: { ...env, PATH: absolutePath(env) }, timeout: INSTALL_TIMEOUT_MS };
  try {
    await promisify(execFile)('npm', [...GLOBAL_INSTALL], options);
    const { stdout } = await promisify(execFile)('npm', ['root', '--global'], options);
    const folder = join(stdout.trim(), PACKAGE_NAME, 'dist');
    if (!existsSync(join(folder, 'claude-server.js'))) throw new Error(`${folder} does not hold it`);
    return folder;
  } catch (error) {
    throw new PeersError(
      'command_failed',
      `npm ${GLOBAL_INSTALL.join(' ')} did not work: ${lastLine(error)}`,
      'See what npm says when you run it yourself; a folder that is yours helps: npm config set prefix ~/.local',
      { cause: error },
    );
  }
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return (stderr?.trim() || message || String(error)).split('\n').at(-1) ?? '';
}
