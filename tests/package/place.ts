/** A user who has nothing yet: an empty home, one Node and one npm on PATH. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, type TestContext } from 'vitest';
import type { Response } from '../../shared/contract/types.ts';
import { freePort } from '../helpers/sandbox.ts';
import type { Program } from './global-setup.ts';
import { type Env, npmEnv, run, scratch, withoutNetwork } from './programs.ts';

export interface Programs {
  readonly node: Program;
  readonly npm: Program;
  /** What a shell runs agent-peers by. */
  readonly command?: string;
}

interface Finding {
  readonly area: string;
  readonly level: string;
  readonly text: string;
}

export class Place {
  readonly home: string;
  readonly #node: Program;
  readonly #command: string;
  readonly #path: string;
  readonly #port: number;

  private constructor(home: string, port: number, { node, npm, command = 'agent-peers' }: Programs) {
    this.home = home;
    this.#node = node;
    this.#command = command;
    this.#port = port;
    const bin = join(home, 'bin');
    mkdirSync(bin);
    symlinkSync(join(node.folder, 'bin', 'node'), join(bin, 'node'));
    for (const name of ['npm', 'npx']) symlinkSync(join(npm.folder, 'bin', `${name}-cli.js`), join(bin, name));
    this.#path = [bin, join(home, '.npm-global', 'bin'), process.env['PATH']].join(delimiter);
  }

  static async make(test: Pick<TestContext, 'onTestFinished'>, programs: Programs): Promise<Place> {
    return new Place(scratch('home', test), await freePort(), programs);
  }

  npmInstallGlobal(...args: string[]): Promise<string> {
    return run('npm', ['install', '--global', ...args], this.home, {
      ...npmEnv(this.home, this.#path),
      npm_config_prefix: join(this.home, '.npm-global'),
      npm_config_nodedir: this.#node.folder,
    });
  }

  /** Runs the command with a network: npx fetches the rest of the package with its first run. */
  agentPeersOnline(args: string): Promise<string> {
    return run('sh', ['-c', `${this.#command} ${args}`], this.home, {
      ...npmEnv(this.home, this.#path),
      ...this.#env,
    });
  }

  /** Runs the command without a network. @param more what the shell goes on with */
  agentPeers(args: string, more = ''): Promise<string> {
    const [command = '', ...rest] = [...withoutNetwork(), 'sh', '-c', `${this.#command} ${args} ${more}`];
    return run(command, rest, this.home, this.#env);
  }

  /** A broker starts, with this driver, and a message gets from each kind of session to the other. */
  async works(driver: string): Promise<void> {
    // in one shell: a broker without a network is reached by nobody outside of it
    const printed = await this.agentPeers('status --start --json', `&& ${this.#command} kill-broker >&2`);
    const { runtime, database } = JSON.parse(printed) as Response<'brokerStatus'>;
    expect({ runtime, driver: database.driver }).toEqual({ runtime: `node ${this.#node.version}`, driver });

    const { healthy, findings } = JSON.parse(await this.agentPeers('doctor --json')) as {
      readonly healthy: boolean;
      readonly findings: readonly Finding[];
    };
    expect(healthy).toBe(true);
    const of = (wanted: string) =>
      findings.filter(({ area }) => area === wanted).map(({ level, text }) => `${level}: ${text}`);
    expect(of('program')).toContainEqual(expect.stringContaining(this.#node.version));
    expect(of('broker')).toContainEqual(expect.stringContaining(`is whole, as ${driver} reads it`));
    expect(of('delivery')).toEqual([
      expect.stringMatching(/^ok: the server for Claude Code offers \d+ tools/),
      expect.stringMatching(/^ok: the server for Codex offers \d+ tools/),
      'ok: a message gets from a session of Claude Code to Codex',
      'ok: a message gets from a session of Codex to Claude Code',
    ]);
  }

  get #env(): Env {
    return {
      HOME: this.home,
      PATH: this.#path,
      LANG: 'C.UTF-8',
      AGENT_PEERS_PORT: String(this.#port),
      // npx keeps there what it has fetched
      npm_config_cache: join(this.home, '.npm'),
    };
  }
}
