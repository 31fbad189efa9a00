/**
 * Repositories as people have them: what a session finds without their settings is what git says with them.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readRepository } from '../../session/context.ts';
import { workFiles } from '../../session/git.ts';

const place = realpathSync(mkdtempSync(join(tmpdir(), 'agent-peers-repository-')));
const env = { HOME: join(place, 'home'), PATH: process.env['PATH'] ?? '' };
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A repository of its own for each test, with one commit. */
let repo: string;
let made = 0;

beforeEach(() => {
  made += 1;
  repo = join(place, `repo-${made}`);
  rmSync(env.HOME, { recursive: true, force: true });
  create(repo);
});

function create(path: string, ...options: string[]): void {
  mkdirSync(path);
  git('init', '-q', '-b', 'feat/login', ...options);
  for (const name of ['a.ts', 'b.ts', 'folder/c.ts', 'größe.ts']) write(name, `${name}\n`);
  git('add', '.');
  git('commit', '-qm', 'first');
}

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.com', '-c', 'protocol.file.allow=always'];
  return execFileSync('git', [...identity, ...args], { cwd: repo, env, encoding: 'utf8', stdio: 'pipe' });
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(repo, name)), { recursive: true });
  writeFileSync(join(repo, name), text);
}

/** What the user would see. */
function status(): string[] {
  return git('-c', 'core.quotePath=false', 'status', '--porcelain')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.slice(3).replace(/^.* -> /, ''));
}

async function found(folder = repo) {
  const there = await readRepository(folder, env);
  if (!there) return undefined;
  return { repo: there.repository.commonDir, branch: there.branch, ...(await workFiles(there.repository, env)) };
}

function refFormats(): boolean {
  return spawnSync('git', ['init', '-h'], { encoding: 'utf8' }).stdout.includes('--ref-format');
}

function reftable(): string {
  repo = join(place, `repo-${made}-reftable`);
  create(repo, '--ref-format=reftable');
  return repo;
}

const ORDINARY: Record<string, () => void> = {
  'changed, added, deleted and renamed files': () => {
    write('a.ts', 'changed\n');
    write('größe.ts', 'changed\n');
    rmSync(join(repo, 'folder/c.ts'));
    git('mv', 'b.ts', 'renamed.ts');
    write('new/one.ts', '1\n');
    write('new/two.ts', '2\n');
  },
  'a file that is a link now': () => {
    rmSync(join(repo, 'a.ts'));
    symlinkSync('b.ts', join(repo, 'a.ts'));
  },
  'names that the repository ignores, in .gitignore and in info/exclude': () => {
    write('.gitignore', '*.log\n');
    write('.git/info/exclude', '*.tmp\n');
    for (const name of ['x.log', 'x.tmp', 'x.ts']) write(name, '');
  },
  'names that the user ignores everywhere': () => {
    mkdirSync(env.HOME);
    writeFileSync(join(env.HOME, 'ignore'), '.DS_Store\n');
    writeFileSync(join(env.HOME, '.gitconfig'), '[core]\n\texcludesFile = ~/ignore\n');
    write('.DS_Store', '');
    write('new.ts', '');
  },
  'names that the user ignores in the default place': () => {
    mkdirSync(join(env.HOME, '.config', 'git'), { recursive: true });
    writeFileSync(join(env.HOME, '.config', 'git', 'ignore'), '.DS_Store\n');
    write('.DS_Store', '');
    write('new.ts', '');
  },
  'a file system without modes': () => {
    git('config', 'core.fileMode', 'false');
    chmodSync(join(repo, 'a.ts'), 0o755);
    write('b.ts', 'changed\n');
  },
  'other line ends in the work tree': () => {
    git('config', 'core.autocrlf', 'true');
    write('a.ts', 'a.ts\r\n');
    write('b.ts', 'changed\r\n');
  },
  'a conflict': () => {
    git('checkout', '-qb', 'other');
    write('a.ts', 'theirs\n');
    git('commit', '-qam', 'theirs');
    git('checkout', '-q', 'feat/login');
    write('a.ts', 'ours\n');
    git('commit', '-qam', 'ours');
    expect(() => git('merge', 'other')).toThrow();
  },
  'a split index': () => {
    git('config', 'core.splitIndex', 'true');
    git('update-index', '--split-index');
    write('a.ts', 'changed\n');
  },
  'a part of its files checked out': () => {
    git('sparse-checkout', 'set', '--cone', '--sparse-index', 'nothing');
    write('a.ts', 'changed\n');
  },
  'packed refs and objects': () => {
    git('gc', '-q');
    write('a.ts', 'changed\n');
  },
  'SHA-256': () => {
    repo = join(place, `repo-${made}-sha256`);
    create(repo, '--object-format=sha256');
    write('a.ts', 'changed\n');
  },
  'a git folder elsewhere': () => {
    git('init', '-q', '--separate-git-dir', `${repo}-data`);
    write('a.ts', 'changed\n');
  },
  'a submodule that was moved on': () => {
    git('submodule', '--quiet', 'add', join(place, 'repo-1'), 'module');
    git('commit', '-qm', 'with a module');
    git('-C', 'module', 'commit', '-q', '--allow-empty', '-m', 'on');
  },
  'no commit yet': () => {
    repo = join(place, `repo-${made}-empty`);
    mkdirSync(repo);
    git('init', '-q', '-b', 'feat/login');
    write('a.ts', 'new\n');
  },
};

describe('the changed files are those that git names', () => {
  it.each(Object.entries(ORDINARY))('with %s', async (_what, prepare) => {
    prepare();
    const expected = status();
    expect(expected).not.toEqual([]);
    expect(await found()).toMatchObject({ files: expected, changed: true });
  });
});

/** Folders, and how they come about; each is in the repository unless it says otherwise. */
const FOLDERS: Record<string, () => string> = {
  'the top of a repository': () => repo,
  'a folder further down': () => join(repo, 'folder'),
  'a link to a folder further down': () => {
    symlinkSync(join(repo, 'folder'), `${repo}-link`);
    return `${repo}-link`;
  },
  'a linked worktree': () => {
    git('worktree', 'add', '-q', '-b', 'hotfix', `${repo}-tree`);
    return `${repo}-tree`;
  },
  'a worktree of a bare repository': () => {
    git('clone', '-q', '--bare', '.', `${repo}-bare`);
    git('-C', `${repo}-bare`, 'worktree', 'add', '-q', '-b', 'hotfix', `${repo}-tree`);
    return `${repo}-tree`;
  },
  'the folder around a bare repository and its worktrees': () => {
    mkdirSync(`${repo}-around`);
    git('clone', '-q', '--bare', '.', `${repo}-around/.bare`);
    writeFileSync(`${repo}-around/.git`, 'gitdir: ./.bare\n');
    return `${repo}-around`;
  },
  'a submodule': () => {
    git('submodule', '--quiet', 'add', '-b', 'feat/login', join(place, 'repo-1'), 'module');
    return join(repo, 'module');
  },
  'a repository with a commit checked out': () => {
    git('checkout', '-q', '--detach');
    return repo;
  },
  'a repository after a merge': () => {
    git('checkout', '-qb', 'other');
    write('other.ts', 'other\n');
    git('add', '.');
    git('commit', '-qm', 'other');
    git('checkout', '-q', 'feat/login');
    write('a.ts', 'changed\n');
    git('commit', '-qam', 'ours');
    git('merge', '-q', 'other', '-m', 'merge');
    return repo;
  },
  'a shallow clone': () => {
    write('a.ts', 'changed\n');
    git('commit', '-qam', 'second');
    git('clone', '-q', '--depth', '1', `file://${repo}`, `${repo}-shallow`);
    return `${repo}-shallow`;
  },
  'the git folder': () => join(repo, '.git'),
  'a bare repository': () => {
    git('clone', '-q', '--bare', '.', `${repo}-bare`);
    return `${repo}-bare`;
  },
  // git has this format since 2.45
  ...(refFormats()
    ? {
        'a repository in the reftable format': () => reftable(),
        'a linked worktree in the reftable format': () => {
          git('-C', reftable(), 'worktree', 'add', '-q', '-b', 'hotfix', `${repo}-tree`);
          return `${repo}-tree`;
        },
      }
    : {}),
};

describe('repository, branch and the files of the last commit are those that git names', () => {
  it.each(Object.entries(FOLDERS))('in %s', async (_what, prepare) => {
    const folder = prepare();
    const lines = (...args: string[]) =>
      git('-C', folder, '-c', 'core.quotePath=false', ...args)
        .split('\n')
        .filter(Boolean);
    expect(await found(folder)).toEqual({
      repo: lines('rev-parse', '--path-format=absolute', '--git-common-dir')[0],
      branch: lines('branch', '--show-current')[0] ?? '',
      files: lines('show', '--name-only', '--format=', 'HEAD'),
      changed: false,
    });
  });

  it('outside git there is none, and none in a folder that is gone', async () => {
    expect(await found(place)).toBeUndefined();
    expect(await found(join(place, 'gone'))).toBeUndefined();
  });
});

describe('a repository of another user', () => {
  const other = (process.geteuid?.() ?? 0) + 1;
  const trust = (...folders: string[]) => {
    mkdirSync(env.HOME);
    const lines = folders.map((folder) => `\tdirectory = ${folder}\n`);
    writeFileSync(join(env.HOME, '.gitconfig'), `[safe]\n${lines.join('')}`);
  };
  beforeEach(() => {
    vi.spyOn(process, 'geteuid').mockReturnValue(other);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is none, whatever it says itself', async () => {
    git('config', 'safe.directory', '*');
    expect(await found()).toBeUndefined();
  });

  it.each([
    ['names it', () => trust(repo)],
    ['names the folder around it', () => trust(`${place}/*`)],
    ['names all', () => trust('*')],
  ])("is found where the user's safe.directory %s", async (_what, prepare) => {
    prepare();
    expect(await found()).toMatchObject({ branch: 'feat/login' });
  });

  it.each([
    ['names another', () => trust(`${repo}-2`, join(repo, 'folder'))],
    ['takes the name back', () => trust(repo, '')],
  ])("is none where the user's safe.directory %s", async (_what, prepare) => {
    prepare();
    expect(await found()).toBeUndefined();
  });
});
