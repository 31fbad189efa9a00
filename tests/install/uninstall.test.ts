/** `uninstall`: everything that install added goes again, and nothing else. */
import { chmodSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isRunning } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';
import { testHome, withoutBackups } from './home.ts';

describe('uninstall', () => {
  it('leaves the backups and nothing else; --purge leaves nothing', async () => {
    const home = await testHome();
    home.write('.bashrc', 'export A=1');
    home.write('.codex/config.toml', '# mine\nmodel = "m"\r\n');
    chmodSync(home.at('.codex/config.toml'), 0o640);
    const before = home.snapshot();
    await home.run('install', '--yes');
    expect(await home.run('uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect(withoutBackups(home.snapshot())).toEqual(before);
    expect(Object.keys(home.snapshot()).filter((path) => path.includes('backup'))).toHaveLength(2);

    await home.run('install', '--yes');
    await home.run('status', '--start');
    expect(home.has('.agent-peers.db')).toBe(true);
    expect((await home.run('uninstall', '--purge')).code).toBe(2);
    expect(home.has('.agent-peers.db')).toBe(true);
    expect(await home.run('uninstall', '--purge', '--yes')).toMatchObject({ code: 0, stderr: '' });
    expect(home.snapshot()).toEqual(before);
    expect((await home.run('status')).code).toBe(5);
  });

  it('--purge leaves nothing either where the broker cannot be told to end, since its secret is gone', async () => {
    const home = await testHome();
    const before = home.snapshot();
    await home.run('status', '--start');
    const { pid } = JSON.parse((await home.run('status', '--json')).stdout) as { pid: number };
    rmSync(home.at('.agent-peers/secret'));
    expect(await home.run('uninstall', '--purge', '--yes')).toMatchObject({ code: 0, stderr: '' });
    await until(() => !isRunning(pid));
    expect(home.snapshot()).toEqual(before);
  });

  it('takes out its own part where others have changed the file since', async () => {
    const home = await testHome();
    home.write('.bashrc', 'export A=1\n');
    home.write('.codex/config.toml', 'model = "m"\n');
    home.write('.claude/settings.json', '{\n  "model": "opus"\n}\n');
    await home.run('install', '--yes');
    const trusted = `\n[hooks.state."${home.at('.codex/config.toml')}:stop:0:0"]\ntrusted_hash = "x"\n\n[tui]\nx = 1\n`;
    home.write('.codex/config.toml', home.read('.codex/config.toml') + trusted);
    home.write('.claude/settings.json', home.read('.claude/settings.json').replace('"opus"', '"haiku"'));
    home.write('.bashrc', `${home.read('.bashrc')}export B=2\n`);
    expect((await home.run('uninstall')).code).toBe(0);
    expect(home.read('.codex/config.toml')).toBe('model = "m"\n\n[tui]\nx = 1\n');
    expect(home.read('.claude/settings.json')).toBe('{\n  "model": "haiku"\n}\n');
    expect(home.read('.bashrc')).toBe('export A=1\nexport B=2\n');
  });

  it('works without its record, and says when there is nothing to do', async () => {
    const home = await testHome();
    home.write('.codex/config.toml', 'model = "m"\n');
    await home.run('install', '--yes');
    home.write('.agent-peers/install.json', 'half a f');
    await home.run('uninstall');
    expect(home.read('.codex/config.toml')).toBe('model = "m"\n');
    expect(home.read('.claude.json')).not.toContain('agent-peers');
    expect((await home.run('uninstall')).stdout).toContain('Nothing of agent-peers was found');
  });

  it('--dry-run shows what would go and touches nothing', async () => {
    const home = await testHome();
    await home.run('install', '--yes');
    const before = home.snapshot();
    const { stdout } = await home.run('uninstall', '--dry-run', '--purge');
    expect(stdout).toContain('-[mcp_servers.agent-peers]');
    expect(stdout).toContain(`Would delete ${home.at('.agent-peers.db')}`);
    expect(home.snapshot()).toEqual(before);
  });
});
