/** A session that starts in an unpacked archive runs nothing of what that archive brought along. */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEmpty, rawText } from '../../shared/peer-text.ts';
import { exitCode } from '../helpers/broker-process.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';
import { HostileRepository } from './hostile-repository.ts';

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

type Prepare = (repository: HostileRepository) => void;

const everything: Prepare = (repository) => {
  repository.attributes();
  repository.configure(repository.settings());
};

/** What a repository can hold, and whether git can still say which files have changed. */
const HOSTILE: Record<string, { prepare: Prepare; summary: string }> = {
  'settings that run programs': { prepare: everything, summary: 'on main: changing changed.ts' },
  'settings in an included file': {
    prepare: (repository) => {
      repository.attributes();
      repository.configure('[include]\n\tpath = more\n');
      repository.configure(repository.settings(), '.git/more');
    },
    summary: 'on main: changing changed.ts',
  },
  'settings included on a condition': {
    prepare: (repository) => {
      repository.attributes();
      repository.configure('[includeIf "gitdir:**"]\n\tpath = more\n');
      repository.configure(repository.settings(), '.git/more');
    },
    summary: 'on main: changing changed.ts',
  },
  'settings of the worktree': {
    prepare: (repository) => {
      repository.attributes();
      repository.git('config', 'core.repositoryFormatVersion', '1');
      repository.git('config', 'extensions.worktreeConfig', 'true');
      repository.configure(repository.settings(), '.git/config.worktree');
    },
    summary: 'on main: changing changed.ts',
  },
  'a file .git that names a folder': {
    prepare: (repository) => {
      everything(repository);
      renameSync(repository.at('.git'), repository.at('data'));
      repository.write('.git', 'gitdir: data\n');
    },
    summary: 'on main: changing changed.ts',
  },
  'a git folder that has its settings elsewhere': {
    prepare: (repository) => {
      everything(repository);
      repository.git('worktree', 'add', '-q', `${repository.path}-tree`);
      renameSync(repository.at('.git'), repository.at('data'));
      repository.write('.git', `gitdir: data/worktrees/${readdirSync(repository.at('data/worktrees'))[0]}\n`);
    },
    summary: 'changing changed.ts',
  },
  'a work tree that is elsewhere': {
    prepare: (repository) => {
      everything(repository);
      repository.git('config', 'core.worktree', '/etc');
    },
    summary: 'on main: changing changed.ts',
  },
  'a submodule with settings of its own': {
    prepare: (repository) => {
      repository.copyInto('module');
      repository.write('.gitmodules', '[submodule "module"]\n\tpath = module\n\turl = ./module\n');
      repository.commit('with a submodule');
      repository.configure(repository.settings(), 'module/.git/config');
      repository.write('module/.gitattributes', '* filter=hostile\n');
    },
    summary: 'on main: last commit touched',
  },
  'a repository among the untracked files': {
    prepare: (repository) => {
      everything(repository);
      repository.copyInto('nested');
    },
    summary: 'on main: changing changed.ts',
  },
  'objects that would be fetched': {
    prepare: (repository) => {
      everything(repository);
      const tree = repository.git('rev-parse', 'HEAD^{tree}').trim();
      repository.git('config', 'core.repositoryFormatVersion', '1');
      repository.git('config', 'extensions.partialClone', 'origin');
      repository.git('config', 'remote.origin.promisor', 'true');
      rmSync(repository.at(`.git/objects/${tree.slice(0, 2)}/${tree.slice(2)}`));
    },
    summary: 'on main',
  },
  'a bare repository': {
    prepare: (repository) => {
      everything(repository);
      for (const name of readdirSync(repository.at('.git'))) {
        renameSync(repository.at(`.git/${name}`), repository.at(name));
      }
      rmSync(repository.at('.git'), { recursive: true });
    },
    summary: 'on main: last commit touched changed.ts, kept.ts',
  },
};

describe.each(Object.entries(HOSTILE))('a folder with %s', (what, { prepare, summary }) => {
  let repository: HostileRepository;
  beforeAll(() => {
    repository = HostileRepository.make(box.home, what.replaceAll(/\W+/g, '-'), box.env);
    prepare(repository);
  });

  it('would run its programs when somebody calls git in it', () => {
    expect(repository.provoke()).not.toEqual([]);
  });

  it('runs none when a session starts in it, and the session has its summary all the same', async () => {
    const session = await box.session({ cwd: repository.path });
    await session.tool('list_peers');
    const peer = await until(async () => {
      const { peers } = await box.client.call('brokerStatus', {});
      return peers.find(({ cwd, summary }) => rawText(cwd) === repository.path && !isEmpty(summary));
    });
    await session.end();
    expect(repository.ran).toEqual([]);
    expect(peer.summary).toContain(summary);
  });

  it('runs none when the command looks for the peers of the repository', async () => {
    const child = box.spawn('cli', ['peers', '--scope', 'repo'], { cwd: repository.path });
    expect(await exitCode(child)).toBe(0);
    expect(repository.ran).toEqual([]);
  });
});

it('a program named git in the folder is not taken for git', async () => {
  const repository = HostileRepository.make(box.home, 'program', box.env);
  repository.program('git', repository.path);
  const PATH = `.::bin:${box.env['PATH']}`;
  const session = await box.session({ cwd: repository.path, name: 'path', env: { PATH } });
  await session.tool('list_peers');
  await until(async () => {
    const { peers } = await box.client.call('brokerStatus', {});
    return peers.some(({ name, summary }) => name === 'path' && rawText(summary).includes('changing changed.ts, git'));
  });
  expect(repository.ran).toEqual([]);
});
