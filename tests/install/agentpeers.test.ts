/** The command `agentpeers`, and the configuration of other MCP clients. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { report, testHome, withoutBackups } from './home.ts';
import { findShell } from './shells.ts';

describe('the command agentpeers', () => {
  const argumentsShown = 'echo "$AGENT_PEERS_ENABLED"; for a in "$@"; do echo "<$a>"; done';

  // bash is on every machine that builds this; the others are tried where they are installed
  const shells = (['bash', 'zsh', 'fish'] as const).flatMap((shell) => {
    const program = findShell(shell);
    return program === undefined && shell !== 'bash' ? [] : [{ shell, program: program ?? shell }];
  });

  it.for(shells)('in $shell starts Claude Code with what it is given', async ({ shell, program }) => {
    const home = await testHome(undefined, shell);
    await home.run('install', '--yes');
    home.program('claude', argumentsShown);
    const run = `agentpeers -p 'two words' "it's"`;
    const shown = execFileSync(program, ['-ic', run], {
      env: home.env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(shown).toBe("1\n<-p>\n<two words>\n<it's>\n");
  });

  it('takes the place of an alias of that name and of its own older form', async () => {
    const home = await testHome();
    home.write('.bashrc', "alias agentpeers='echo old'\n");
    await home.run('install', '--yes');
    await home.run('install', '--yes', '--channel', '--skip-permissions');
    home.program('claude', argumentsShown);
    const shown = execFileSync('bash', ['-ic', 'agentpeers x'], {
      env: home.env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(shown).toBe(
      '1\n<--dangerously-skip-permissions>\n<--dangerously-load-development-channels>\n<server:agent-peers>\n<x>\n',
    );
    await home.run('uninstall');
    expect(home.read('.bashrc')).toBe("alias agentpeers='echo old'\n");
  });

  it.each([
    ['2.1.223', true],
    ['2.1.224', false],
    ['2.1.329', false],
  ])('with Claude Code %s has the channel flag: %s', async (version, flag) => {
    const home = await testHome({ claude: version });
    await home.run('install', '--yes');
    expect(home.read('.bashrc').includes('--dangerously-load-development-channels server:agent-peers')).toBe(flag);
  });
});

describe('other clients', () => {
  it.each([
    ['gemini', '.gemini/settings.json', ['mcpServers', 'agent-peers', 'command']],
    ['cursor', '.cursor/mcp.json', ['mcpServers', 'agent-peers', 'command']],
    ['opencode', '.config/opencode/opencode.json', ['mcp', 'agent-peers', 'command', '0']],
    ['vscode', '.config/Code/User/mcp.json', ['servers', 'agent-peers', 'command']],
  ])('%s gets its entry in %s, and loses it again', async (client, file, path) => {
    const home = await testHome({});
    home.write(file, '// mine\n{\n\t"theme": "dark", // nice\n}\n');
    const before = home.snapshot();
    expect(await home.run('install', '--yes', '--client', client)).toMatchObject({ code: 0, stderr: '' });
    const text = home.read(file);
    expect(text.startsWith('// mine\n{\n\t"theme": "dark", // nice\n\t"')).toBe(true);
    const config = JSON.parse(text.replaceAll(/\/\/.*$/gm, '')) as Record<string, unknown>;
    const command = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config);
    expect(command).toMatch(/node$/);
    expect((await report(home, 'install', '--yes', '--client', client)).files[0]?.outcome).toBe('unchanged');
    await home.run('uninstall');
    expect(withoutBackups(home.snapshot())).toEqual(before);
  });
});
