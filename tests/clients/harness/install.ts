/** Brings the pinned clients into the repository's cache folder, once: they are 750 MB and no dependency of the product. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLIENT_PACKAGES } from './versions.ts';

const INSTALL_LIMIT_MS = 15 * 60_000;
const UNFINISHED = 'installing-';
const run = promisify(execFile);

/** Where the clients' executables are. */
export interface ClientBinaries {
  readonly claude: string;
  readonly codex: string;
}

/** @throws when the clients are not there and cannot be fetched */
export async function installClients(cache: string): Promise<ClientBinaries> {
  const folder = join(cache, Object.values(CLIENT_PACKAGES).join('_'));
  if (await isComplete(folder)) return binariesIn(folder);

  // Each run installs into a folder of its own and moves it into place when complete: the first of several racing runs
  // wins, and a broken-off download is never taken for an installation.
  await mkdir(cache, { recursive: true });
  await removeUnfinished(cache);
  const fresh = await mkdtemp(join(cache, UNFINISHED));
  try {
    await npmInstall(fresh);
    await rename(fresh, folder).catch(async (error: unknown) => {
      if (!(await isComplete(folder))) throw error;
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return binariesIn(folder);
}

function binariesIn(folder: string): ClientBinaries {
  return { claude: join(folder, 'node_modules/.bin/claude'), codex: join(folder, 'node_modules/.bin/codex') };
}

async function isComplete(folder: string): Promise<boolean> {
  for (const [name, version] of Object.entries(CLIENT_PACKAGES)) {
    const manifest = join(folder, 'node_modules', name, 'package.json');
    if (!existsSync(manifest)) return false;
    const { version: found } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    if (found !== version) return false;
  }
  return true;
}

async function npmInstall(prefix: string): Promise<void> {
  const wanted = Object.entries(CLIENT_PACKAGES).map(([name, version]) => `${name}@${version}`);
  process.stderr.write(`Installing ${wanted.join(' and ')} for the client tests (about 750 MB, once) …\n`);
  // --ignore-scripts=false: Claude Code's postinstall puts its native binary in place, and some users turn scripts off.
  const options = [
    '--ignore-scripts=false',
    '--no-save',
    '--no-package-lock',
    '--no-audit',
    '--no-fund',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
  ];
  try {
    await run('npm', ['install', '--prefix', prefix, ...options, ...wanted], { timeout: INSTALL_LIMIT_MS });
  } catch (error) {
    throw new Error(
      `The client tests need ${wanted.join(' and ')}, and npm could not install them. ` +
        `Is the npm registry reachable? (\`npm ping\`) npm said:\n${stderrOf(error)}`,
      { cause: error },
    );
  }
  // npm ends well even when the native binary, an optional package, did not come.
  for (const binary of Object.values(binariesIn(prefix))) await run(binary, ['--version'], { timeout: 60_000 });
}

function stderrOf(error: unknown): string {
  return error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
}

/** What a killed run left behind; younger folders may belong to a run that still installs. */
async function removeUnfinished(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const path = join(cache, name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > INSTALL_LIMIT_MS) await rm(path, { recursive: true, force: true });
  }
}
