/**
 * Asks git about a repository that may come from anybody. A repository's settings can make git run any program, and git
 * has no switch that turns them off. So git gets a stand-in for the git folder: settings of ours, and links to the
 * repository's data, which is its index, objects and refs. The user's settings stay out as well, since a filter that
 * they name would run in that folder. A few of both are carried over: those that say how files compare.
 */
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../shared/config.ts';
import { GIT_LIMITS, type GitSettings, gitEnv, settingsIn, userSettings } from '../shared/git-config.ts';
import { outputOf } from '../shared/limited-run.ts';
import type { Repository } from '../shared/repository.ts';

/** What is data in the git folder of a repository, and in that of one worktree. */
const SHARED_DATA = /^(?:objects|refs|packed-refs|reftable|shallow|info)$/;
const OWN_DATA = /^(?:index|sharedindex\.[0-9a-f]+|reftable)$/;

/** How files compare with the index: each is a word, so none can name a program. */
const COMPARING = [
  'core.filemode',
  'core.ignorecase',
  'core.symlinks',
  'core.precomposeunicode',
  'core.trustctime',
  'core.checkstat',
  'core.autocrlf',
  'core.eol',
];

interface FoundFiles {
  /** Relative to the top of the repository; empty where git could not say in time. */
  readonly files: readonly string[];
  readonly changed: boolean;
}

/** @returns what git printed; undefined where it failed, is missing or took too long */
type Git = (...args: readonly string[]) => Promise<string | undefined>;

/** The changed files, or those of the last commit where nothing is changed. */
export async function workFiles(repository: Repository, env: Env): Promise<FoundFiles> {
  const found = await withStandIn(repository, env, async (git, isBare) => {
    if (!isBare) {
      // dirty: for the changes inside a submodule, git would start another git with that repository's settings
      const status = await git('status', '--porcelain', '-z', '--untracked-files=normal', '--ignore-submodules=dirty');
      // a rename's old name follows its entry and has no status letters
      const files = entries(status).flatMap((entry) => (/^[ MTADRCU?!]{2} /.test(entry) ? [entry.slice(3)] : []));
      if (status === undefined || files.length > 0) return { files, changed: true };
    }
    const commit = await git('diff-tree', '-r', '-z', '--root', '--cc', '--name-only', '--no-commit-id', 'HEAD');
    return { files: entries(commit), changed: false };
  });
  return found ?? { files: [], changed: false };
}

/** The branch, where HEAD is in a format that only git reads; empty where HEAD names a commit. */
export async function branchByGit(repository: Repository, env: Env): Promise<string> {
  const branch = await withStandIn(repository, env, (git) => git('symbolic-ref', '--short', '--quiet', 'HEAD'));
  return (branch ?? '').trimEnd();
}

/** @returns undefined where no stand-in can be made */
async function withStandIn<T>(
  repository: Repository,
  env: Env,
  use: (git: Git, isBare: boolean) => Promise<T>,
): Promise<T | undefined> {
  const { root, gitDir, commonDir } = repository;
  const folder = await mkdtemp(join(tmpdir(), 'agent-peers-git-')).catch(() => undefined);
  if (folder === undefined) return undefined;
  const remove = () => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // a small folder of links is left in the folder for temporary files, which the system empties
    }
  };
  process.once('exit', remove);
  try {
    const [own, theirs] = await Promise.all([
      userSettings([...COMPARING, 'core.excludesfile'], env),
      settingsIn(join(commonDir, 'config'), [...COMPARING, 'core.bare', 'extensions.objectformat'], env),
    ]);
    // the linked worktrees of a bare repository are not bare
    const isBare = root === undefined || (gitDir === commonDir && last(theirs, 'core.bare') === 'true');
    const options = [...comparing(own), ...comparing(theirs), `core.excludesFile=${ignoreFile(own, env)}`];
    const standIn = {
      ...gitEnv(env),
      GIT_DIR: await makeStandIn(folder, repository, isBare, last(theirs, 'extensions.objectformat')),
      ...(isBare ? {} : { GIT_WORK_TREE: root }),
      // where git looks for the user's settings
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
    };
    const limits = { cwd: '/', env: standIn, ...GIT_LIMITS };
    return await use(
      (...args) => outputOf('git', [...options.flatMap((option) => ['-c', option]), ...args], limits),
      isBare,
    );
  } catch {
    return undefined; // no room, or a file system without links
  } finally {
    process.off('exit', remove);
    remove();
  }
}

/** @returns the git folder that git gets: the one of the repository, or of its worktree */
async function makeStandIn(
  folder: string,
  repository: Repository,
  isBare: boolean,
  objectFormat: string | undefined,
): Promise<string> {
  const { gitDir, commonDir, head } = repository;
  const extensions = [
    ...((await isReftable(repository)) ? ['refStorage = reftable'] : []),
    ...(objectFormat === 'sha256' ? ['objectFormat = sha256'] : []),
  ];
  const version = extensions.length > 0 ? 1 : 0;
  const config = ['[core]', `repositoryFormatVersion = ${version}`, `bare = ${isBare}`, '[extensions]', ...extensions];
  const isLinked = gitDir !== commonDir;
  const own = isLinked ? join(folder, 'worktrees', 'this') : folder;
  await mkdir(own, { recursive: true });
  const links = new Map([
    ...(await dataIn(commonDir, SHARED_DATA)).map((name) => [join(folder, name), join(commonDir, name)] as const),
    ...(await dataIn(gitDir, OWN_DATA)).map((name) => [join(own, name), join(gitDir, name)] as const),
  ]);
  await Promise.all([
    writeFile(join(folder, 'config'), `${config.join('\n')}\n`),
    writeFile(join(folder, 'HEAD'), head),
    ...[...links].map(([path, target]) => symlink(target, path)),
    ...(isLinked ? [writeFile(join(own, 'HEAD'), head), writeFile(join(own, 'commondir'), '../..\n')] : []),
  ]);
  return own;
}

async function isReftable({ commonDir }: Repository): Promise<boolean> {
  return stat(join(commonDir, 'reftable')).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function dataIn(folder: string, isData: RegExp): Promise<string[]> {
  return (await readdir(folder)).filter((name) => isData.test(name));
}

function comparing(settings: GitSettings): string[] {
  return COMPARING.flatMap((name) => {
    const value = last(settings, name);
    return value !== undefined && /^\w+$/.test(value) ? [`${name}=${value}`] : [];
  });
}

/** The user's own list of names to ignore, in the place that git takes by default where it is not set. */
function ignoreFile(own: GitSettings, { HOME = '', XDG_CONFIG_HOME }: Env): string {
  const set = last(own, 'core.excludesfile')?.replace(/^~(?=\/)/, HOME);
  return set ?? join(XDG_CONFIG_HOME || join(HOME, '.config'), 'git', 'ignore');
}

function last(settings: GitSettings, name: string): string | undefined {
  return settings.get(name)?.at(-1);
}

/** What is behind the last NUL was cut off. */
function entries(printed = ''): string[] {
  return printed.split('\0').slice(0, -1);
}
