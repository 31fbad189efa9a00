/** Drives the real Codex against a scripted model: `exec` for one prompt, or the terminal program with its daemon. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScriptedModel } from '../models/scripted-model.ts';
import { AppServer } from './app-server.ts';
import { type Approvals, codexConfig, KEY_NAME } from './codex-config.ts';
import { trustHooks } from './codex-hook-trust.ts';
import type { McpServer } from './mcp-server.ts';
import { type Ended, type Launch, PipedClient } from './piped-client.ts';
import type { Sandbox } from './sandbox.ts';
import { TerminalClient } from './terminal-client.ts';

/** Looks like a key and opens nothing. */
export const CODEX_KEY = 'sk-proj-fake-key-for-a-scripted-model-on-loopback';

export interface CodexOptions {
  readonly binary: string;
  readonly model: ScriptedModel;
  readonly sandbox: Sandbox;
  readonly server: McpServer;
  /** Names of variables that Codex passes on to the server from its own environment. */
  readonly passEnv?: readonly string[];
  readonly approvals?: Approvals;
  /** `[[hooks.…]]` tables for config.toml; they are trusted as if the user had agreed in the terminal. */
  readonly hooks?: string;
}

export class CodexSession {
  readonly #options: CodexOptions;

  private constructor(options: CodexOptions) {
    this.#options = options;
  }

  static async prepare(options: CodexOptions): Promise<CodexSession> {
    const { model, sandbox, server, passEnv, approvals, hooks } = options;
    const session = new CodexSession(options);
    const config = codexConfig({
      modelUrl: model.url,
      project: sandbox.project,
      server,
      ...(passEnv === undefined ? {} : { passEnv }),
      ...(approvals === undefined ? {} : { approvals }),
      ...(hooks === undefined ? {} : { extra: hooks }),
    });
    await mkdir(session.codexHome, { recursive: true });
    await writeFile(join(session.codexHome, 'config.toml'), config);
    if (hooks !== undefined) await trustHooks(session.#launch(['app-server']), sandbox.project);
    return session;
  }

  get codexHome(): string {
    return join(this.#options.sandbox.home, '.codex');
  }

  /** `codex exec`: one prompt, then the end. */
  exec(prompt: string): Promise<Ended> {
    const client = new PipedClient(this.#launch(['exec', '--skip-git-repo-check', '--', prompt]));
    client.closeInput();
    return client.ended();
  }

  /** The program as people use it; it starts an app-server daemon that outlives it until the sandbox is closed. */
  terminal(): TerminalClient {
    return new TerminalClient(this.#launch(['--no-alt-screen']));
  }

  /** Connects to the daemon of the terminal program. */
  appServer(): Promise<AppServer> {
    return AppServer.connect(join(this.codexHome, 'app-server-control', 'app-server-control.sock'));
  }

  /** Ends the daemon and starts another, as an update of Codex does. */
  restartDaemon(): Promise<Ended> {
    return new PipedClient(this.#launch(['app-server', 'daemon', 'restart'])).ended();
  }

  #launch(args: readonly string[]): Launch {
    const { binary, sandbox } = this.#options;
    return {
      command: binary,
      args,
      cwd: sandbox.project,
      env: sandbox.env({ [KEY_NAME]: CODEX_KEY, RUST_LOG: 'error' }),
    };
  }
}
