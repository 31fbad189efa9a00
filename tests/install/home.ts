/** A throwaway HOME with pretended clients in it, in which the command installs itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { outcome, type Ran } from '../cli/helpers.ts';
import { freePort, RUNTIMES } from '../helpers/sandbox.ts';

export interface PretendedClients {
  readonly claude?: string;
  readonly codex?: string;
}

export class Home {
  readonly path: string;
  readonly env: Record<string, string>;
  readonly #running = new Set<ChildProcess>();

  private constructor(path: string, env: Record<string, string>) {
    this.path = path;
    this.env = env;
  }

  /** @param clients the versions that they tell; one that is left out is not there */
  static async make(
    clients: PretendedClients = { claude: '2.1.329', codex: '0.169.0' },
    shell: 'zsh' | 'bash' | 'fish' = 'bash',
  ): Promise<Home> {
    const path = mkdtempSync(join(tmpdir(), 'agent-peers-install-'));
    const home = new Home(path, {
      HOME: path,
      PATH: `${join(path, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`,
      SHELL: `/bin/${shell}`,
      LANG: 'C.UTF-8',
      AGENT_PEERS_PORT: String(await freePort()),
    });
    const words: Record<string, string> = { claude: '(Claude Code)', codex: 'codex-cli' };
    for (const [name, version] of Object.entries(clients)) {
      home.program(name, `if [ "$1" = --version ]; then echo "${version} ${words[name]}"; exit; fi\nexit 9`);
    }
    return home;
  }

  /** Puts a program on this HOME's PATH. */
  program(name: string, script: string): void {
    this.write(`bin/${name}`, `#!/bin/sh\n${script}\n`);
    chmodSync(this.at(`bin/${name}`), 0o755);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  write(name: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
  }

  read(name: string): string {
    return readFileSync(this.at(name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(this.at(name));
  }

  run(...args: readonly string[]): Promise<Ran> {
    const child = spawn(RUNTIMES.node.command, [RUNTIMES.node.entry('cli'), ...args], {
      env: this.env,
      cwd: this.path,
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    child.stdin.end();
    return outcome(child);
  }

  /** Every file, link and folder with its content and mode, without the pretended programs. */
  snapshot({ without = /^bin(\/|$)/ }: { without?: RegExp } = {}): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (folder: string) => {
      for (const name of readdirSync(this.at(folder)).sort()) {
        const path = folder === '' ? name : `${folder}/${name}`;
        if (without.test(path)) continue;
        const stat = lstatSync(this.at(path));
        const mode = (stat.mode & 0o7777).toString(8);
        if (stat.isSymbolicLink()) found[path] = `link to ${readlinkSync(this.at(path))}`;
        else if (stat.isDirectory()) {
          found[path] = `folder ${mode}`;
          walk(path);
        } else found[path] = `${mode} ${readFileSync(this.at(path)).toString('base64')}`;
      }
    };
    walk('');
    return found;
  }

  remove(): void {
    // of a test that failed
    for (const child of this.#running) child.kill('SIGKILL');
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Backups aside: what a snapshot holds besides them. */
export function withoutBackups(snapshot: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(snapshot).filter(([path]) => !path.includes('.agent-peers-backup-')));
}

export interface Report {
  readonly dry_run: boolean;
  readonly files: { path: string; outcome: string; diff?: string; backup?: string; error?: { code: string } }[];
  readonly notes: string[];
}

/** Runs with --json. */
export async function report(home: Home, ...args: string[]): Promise<Report & { code: number | null }> {
  const { code, stdout } = await home.run(...args, '--json');
  return { code, ...(JSON.parse(stdout) as Report) };
}

/** Makes HOMEs that are gone when their test is over. */
export async function testHome(clients?: PretendedClients, shell?: 'zsh' | 'bash' | 'fish'): Promise<Home> {
  const home = await Home.make(clients, shell);
  onTestFinished(() => home.remove());
  return home;
}
