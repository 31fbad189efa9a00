/** Several runs of install and uninstall at the same time: one after the other, with the result of each in turn. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, utimesSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { InstallLock } from '../../cli/install/lock.ts';
import { codeOf } from '../helpers/peer.ts';
import { RUNTIMES } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';
import { type Home, report, testHome, withoutBackups } from './home.ts';

const BEFORE = {
  '.claude.json': '{\n  "numStartups": 3\n}',
  '.claude/settings.json': '{\n  "model": "opus"\n}\n',
  '.codex/config.toml': 'model = "m"\n',
  '.bashrc': 'export A=1\n',
};

async function furnished(): Promise<Home> {
  const home = await testHome();
  // it is asked to add the entry itself, and takes its time: runs that do not wait for each other all plan meanwhile
  pretendClaude(home, 'sleep 0.5; exit 9');
  for (const [name, text] of Object.entries(BEFORE)) home.write(name, text);
  return home;
}

function pretendClaude(home: Home, script: string): void {
  home.program('claude', `if [ "$1" = --version ]; then echo "2.1.329 (Claude Code)"; exit; fi\n${script}`);
}

/** Outcomes of all files in one run. */
function outcomes({ files }: { files: { outcome: string }[] }): string[] {
  return [...new Set(files.map(({ outcome }) => outcome))];
}

function locks(home: Home): string[] {
  return home.has('.agent-peers') ? readdirSync(home.at('.agent-peers')).filter((name) => name !== 'install.json') : [];
}

describe('runs at the same time', () => {
  it('of install: one changes the files, the others find them set up; all is as after one', async () => {
    const home = await furnished();
    const before = home.snapshot();
    const runs = await Promise.all([1, 2, 3, 4].map(() => report(home, 'install', '--yes')));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(runs.map(outcomes).sort()).toEqual([['changed'], ['unchanged'], ['unchanged'], ['unchanged']]);
    const after = home.snapshot();
    expect(outcomes(await report(home, 'install', '--yes'))).toEqual(['unchanged']);
    expect(home.snapshot()).toEqual(after);
    expect(Object.keys(after).filter((path) => path.includes('backup'))).toHaveLength(4);
    expect(locks(home)).toEqual([]);
    expect((await home.run('uninstall')).code).toBe(0);
    expect(withoutBackups(home.snapshot())).toEqual(before);
  });

  it('of install and uninstall: everything is set up or nothing is, and goes back to what it was', async () => {
    const home = await furnished();
    const before = home.snapshot();
    const commands = [['install', '--yes'], ['uninstall'], ['install', '--yes'], ['uninstall', '--purge', '--yes']];
    const runs = await Promise.all(commands.map((args) => report(home, ...args)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(outcomes(await report(home, 'install', '--dry-run'))).toHaveLength(1);
    expect(locks(home)).toEqual([]);
    expect((await home.run('uninstall', '--purge', '--yes')).code).toBe(0);
    expect(home.snapshot()).toEqual(before);
  });
});

describe('a run that does not end', () => {
  /** A run of install whose Claude Code hangs. */
  async function hanging(home: Home): Promise<ChildProcess> {
    pretendClaude(home, 'sleep 600 & echo $! > "$HOME/bin/pid"; wait');
    const child = spawn(RUNTIMES.node.command, [RUNTIMES.node.entry('cli'), 'install', '--yes'], {
      env: home.env,
      cwd: home.path,
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
      process.kill(Number(home.read('bin/pid')), 'SIGKILL');
    });
    await until(() => home.has('bin/pid') && home.read('bin/pid').endsWith('\n'));
    return child;
  }

  it('is waited for for a while, and then named', async () => {
    const home = await furnished();
    const child = await hanging(home);
    let waited = 0;
    const taken = InstallLock.take(home.at('.agent-peers'), { sleep: async (ms) => (waited += ms) });
    await expect(taken).rejects.toMatchObject({
      code: 'install_running',
      message: expect.stringContaining(String(child.pid)),
    });
    expect(waited).toBeGreaterThanOrEqual(20_000);
    expect(locks(home)).toHaveLength(1);
  });

  it('is waited for too when the clock was set since', async () => {
    const home = await furnished();
    await hanging(home);
    const hourAgo = Date.now() / 1_000 - 3_600;
    for (const name of locks(home)) utimesSync(home.at(`.agent-peers/${name}`), hourAgo, hourAgo);
    const taken = InstallLock.take(home.at('.agent-peers'), { sleep: async () => {} });
    expect(await codeOf(taken)).toBe('install_running');
  });

  it('does not stand in the way of a look', async () => {
    const home = await furnished();
    await hanging(home);
    for (const command of ['install', 'uninstall']) expect((await report(home, command, '--dry-run')).code).toBe(0);
  });

  it('is in nobody’s way once it was killed', async () => {
    const home = await furnished();
    const child = await hanging(home);
    child.kill('SIGKILL');
    await once(child, 'exit');
    pretendClaude(home, 'exit 9');
    expect(await home.run('install', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(locks(home)).toEqual([]);
  });

  it('is in nobody’s way when its process number belongs to another process by now', async () => {
    const home = await furnished();
    home.write(`.agent-peers/installing.${process.pid}.1.000000ff`, '');
    chmodSync(home.at('.agent-peers'), 0o700);
    expect(await home.run('install', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(locks(home)).toEqual([]);
  });
});

it('only one of many has the lock, and each gets it in the end', async () => {
  const home = await testHome();
  const folder = home.at('.agent-peers');
  let holders = 0;
  const turn = async () => {
    const lock = await InstallLock.take(folder, {
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)),
    });
    holders += 1;
    expect(holders).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    holders -= 1;
    await lock.release();
  };
  await Promise.all(Array.from({ length: 8 }, turn));
  expect(home.has('.agent-peers')).toBe(false);
});

it('says so where no files can be created in the folder', async () => {
  const home = await testHome();
  home.write('.agent-peers', 'a file');
  expect(await codeOf(InstallLock.take(home.at('.agent-peers'), { sleep: async () => {} }))).toBe('config_read_only');
});
