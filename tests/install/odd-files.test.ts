/** Whatever stands where a configuration file should: install, uninstall and doctor refuse it in time and change nothing. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endless, fifo } from '../helpers/odd-files.ts';
import { type Home, type Report, report, testHome } from './home.ts';

const long = (path: string) => writeFileSync(path, Buffer.alloc(8 * 1024 * 1024 + 1, ' '));
const ODD = [
  ['a FIFO', fifo, 'it is not a regular file'],
  ['endless', endless, 'it is not a regular file'],
  ['longer than 8 MB', long, 'it is longer than 8192 KB'],
] as const;
const FILES = ['.claude.json', '.claude/settings.json', '.codex/config.toml', '.bashrc'];
/** Long before anybody would take it for hanging; most of it is the start of the program. */
const IN_TIME = { timeout: 15_000 };

function put(home: Home, name: string, make: (path: string) => void): void {
  mkdirSync(dirname(home.at(name)), { recursive: true });
  rmSync(home.at(name), { recursive: true, force: true });
  make(home.at(name));
}

function refusals({ files }: Report): [string, string | undefined][] {
  return files.filter(({ outcome }) => outcome === 'refused').map(({ path, error }) => [path, error?.code]);
}

describe.each(ODD)('a file that is %s', (_what, make, why) => {
  it('is refused by install, file by file, with what is wrong; the other files are set up', IN_TIME, async () => {
    const home = await testHome();
    put(home, '.codex/config.toml', make);
    const ran = await home.run('install', '--yes');
    expect(ran).toMatchObject({ code: 4, stderr: expect.stringContaining(`cannot be read (${why})`) });
    expect(home.read('.claude.json')).toContain('agent-peers');
    expect(home.read('.bashrc')).toContain('agentpeers');
    expect(refusals(await report(home, 'install', '--dry-run'))).toEqual([
      [home.at('.codex/config.toml'), 'config_unreadable'],
    ]);
  });

  it('is refused in every place', IN_TIME, async () => {
    const home = await testHome();
    for (const name of FILES) put(home, name, make);
    const installed = await report(home, 'install', '--yes');
    expect(installed.code).toBe(4);
    expect(refusals(installed)).toEqual(FILES.map((name) => [home.at(name), 'config_unreadable']));
  });

  it('is refused by uninstall where install had changed it', IN_TIME, async () => {
    const home = await testHome();
    await home.run('install', '--yes');
    put(home, '.codex/config.toml', make);
    const removed = await report(home, 'uninstall');
    expect(removed.code).toBe(4);
    expect(refusals(removed)).toEqual([[home.at('.codex/config.toml'), 'config_unreadable']]);
    expect(home.has('.claude.json')).toBe(false);
  });

  it(
    'in place of the record of install counts as none: uninstall goes by what stands in the files',
    IN_TIME,
    async () => {
      const home = await testHome();
      home.write('.bashrc', 'export A=1\n');
      await home.run('install', '--yes');
      put(home, '.agent-peers/install.json', make);
      expect((await home.run('uninstall')).code).toBe(0);
      expect(home.read('.bashrc')).toBe('export A=1\n');
      expect(home.read('.claude.json')).not.toContain('agent-peers');
    },
  );

  it('is named by doctor', { timeout: 30_000 }, async () => {
    const home = await testHome();
    await home.run('install', '--yes');
    for (const name of ['.claude.json', '.codex/config.toml', '.agent-peers/secret', '.agent-peers.db']) {
      put(home, name, (path) => {
        make(path);
      });
    }
    const { code, stdout } = await home.run('doctor', '--json');
    expect(code).toBe(1);
    const { findings } = JSON.parse(stdout) as { findings: { level: string; text: string }[] };
    const errors = findings.filter(({ level }) => level === 'error').map(({ text }) => text);
    for (const name of ['.claude.json', '.codex/config.toml', '.agent-peers/secret', '.agent-peers.db']) {
      expect(errors.filter((text) => text.includes(home.at(name)))).not.toEqual([]);
    }
  });

  it('in place of the secret does not hold up the status line', IN_TIME, async () => {
    const home = await testHome();
    await home.run('status', '--start');
    await home.run('kill-broker');
    put(home, '.agent-peers/secret', make);
    expect(await home.run('statusline')).toMatchObject({ code: 0, stdout: expect.stringContaining('peers: off') });
    expect((await home.run('status')).code).not.toBe(0);
  });
});
