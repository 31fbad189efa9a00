/** A folder with a HOME and a project of its own, so that no client ever touches the user's login or settings. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcessesOf } from './processes.ts';

/** The longest folder in which Codex's control socket still fits into a socket address (104 bytes on macOS). */
const LONGEST_BASE = 32;

/** Both clients look for updates, plugins and experiments at their vendors': a proxy that is not there stops them. */
const LOOPBACK_ONLY = {
  HTTPS_PROXY: 'http://127.0.0.1:9',
  HTTP_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
};

export class Sandbox {
  readonly root: string;
  readonly home: string;
  readonly project: string;

  private constructor(root: string) {
    this.root = root;
    this.home = join(root, 'home');
    this.project = join(root, 'project');
  }

  static async create(): Promise<Sandbox> {
    const base = await realpath(tmpdir());
    const root = await mkdtemp(join(base.length > LONGEST_BASE ? await realpath('/tmp') : base, 'peers-'));
    const sandbox = new Sandbox(root);
    await mkdir(sandbox.home);
    await mkdir(sandbox.project);
    return sandbox;
  }

  /** What a client gets to see of the environment: nothing of this machine's but its PATH. */
  env(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      HOME: this.home,
      PATH: process.env['PATH'] ?? '',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      SHELL: '/bin/sh',
      ...LOOPBACK_ONLY,
      ...extra,
    };
  }

  /** Ends what still runs in it, and removes it. */
  async close(): Promise<void> {
    await endProcessesOf(this.root);
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}
