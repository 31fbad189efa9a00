/** Drives the real Claude Code against a scripted model: one prompt, a long-lived session, or the terminal program. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ScriptedModel } from '../models/scripted-model.ts';
import { EventLog, type Wait } from './event-log.ts';
import { type McpServer, SERVER_NAME } from './mcp-server.ts';
import { type Ended, type Launch, PipedClient } from './piped-client.ts';
import type { Sandbox } from './sandbox.ts';
import { TerminalClient } from './terminal-client.ts';

/** Looks like a key and opens nothing; its last 20 characters are what Claude Code remembers as approved. */
export const CLAUDE_KEY = 'sk-ant-api03-fake-key-for-a-scripted-model-on-loopback';

export interface ClaudeOptions {
  readonly binary: string;
  readonly model: ScriptedModel;
  readonly sandbox: Sandbox;
  readonly server: McpServer;
  /** A settings.json, for instance with hooks. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export class ClaudeSession {
  readonly #options: ClaudeOptions;
  readonly #shared: readonly string[];

  private constructor(options: ClaudeOptions, shared: readonly string[]) {
    this.#options = options;
    this.#shared = shared;
  }

  /** Answers the first-run dialogs (onboarding, trust in the folder, use of the key) and names the MCP server. */
  static async prepare(options: ClaudeOptions): Promise<ClaudeSession> {
    const { home, project, root } = options.sandbox;
    await writeJson(join(home, '.claude.json'), {
      hasCompletedOnboarding: true,
      theme: 'dark',
      numStartups: 5,
      customApiKeyResponses: { approved: [CLAUDE_KEY.slice(-20)], rejected: [] },
      projects: { [project]: { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true, allowedTools: [] } },
    });
    const mcpConfig = join(root, 'claude-mcp.json');
    await writeJson(mcpConfig, { mcpServers: { [SERVER_NAME]: { type: 'stdio', ...options.server } } });
    const shared = [
      '--mcp-config',
      mcpConfig,
      '--strict-mcp-config',
      '--permission-mode',
      'default',
      '--allowedTools',
      `mcp__${SERVER_NAME}`,
    ];
    if (options.settings !== undefined) {
      const settings = join(root, 'claude-settings.json');
      await writeJson(settings, options.settings);
      shared.push('--settings', settings);
    }
    return new ClaudeSession(options, shared);
  }

  /** `claude -p`: one prompt, then the end. */
  print(prompt: string): Promise<Ended> {
    const client = new PipedClient(this.#launch(['-p', ...this.#shared, '--', prompt]));
    client.closeInput();
    return client.ended();
  }

  /** `claude -p` that stays and takes one prompt after another. */
  stream(): ClaudeStream {
    const formats = ['--input-format', 'stream-json', '--output-format', 'stream-json', '--verbose'];
    return new ClaudeStream(new PipedClient(this.#launch(['-p', ...formats, ...this.#shared])));
  }

  /** The program as people use it. */
  terminal(): TerminalClient {
    return new TerminalClient(this.#launch(this.#shared));
  }

  #launch(args: readonly string[]): Launch {
    const { binary, model, sandbox } = this.#options;
    const env = sandbox.env({
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: CLAUDE_KEY,
      DISABLE_AUTOUPDATER: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    });
    return { command: binary, args, cwd: sandbox.project, env };
  }
}

/** One line of Claude Code's stream-json output. */
export interface StreamEvent {
  readonly type: string;
  readonly subtype?: string;
  readonly [field: string]: unknown;
}

export class ClaudeStream {
  readonly client: PipedClient;
  readonly events = new EventLog<StreamEvent>('Claude stream', (event) => JSON.stringify(event).slice(0, 300));

  constructor(client: PipedClient) {
    this.client = client;
    client.lines.each((line) => this.events.push(JSON.parse(line) as StreamEvent));
    client.ended().then(
      ({ code, stderr }) => this.events.close(`the client ended with code ${code}: ${stderr.slice(-2_000)}`),
      (error: unknown) => this.events.close(String(error)),
    );
  }

  /** Sends a prompt, as the user would. */
  say(prompt: string): void {
    this.client.write(JSON.stringify({ type: 'user', message: { role: 'user', content: prompt } }));
  }

  /** Waits for the end of a turn: of the first one, or of the first after `from`. */
  async turnEnded(wait?: Wait): Promise<void> {
    await this.events.until((event) => event.type === 'result', wait);
  }

  /** Says a prompt and waits until its turn is over. */
  async turn(prompt: string): Promise<void> {
    const from = this.events.size;
    this.say(prompt);
    await this.turnEnded({ from });
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(value, null, 2));
}
