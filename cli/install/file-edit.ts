/** One file that `install` changes: what for, and how its text is with and without the part of agent-peers. */
import type { Env } from '../../shared/config.ts';
import type { Encoding } from './text-file.ts';

/** How a client starts the MCP server. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

export interface FileEdit {
  readonly path: string;
  readonly encoding: Encoding;
  /** What the change is for, in a few words. */
  readonly purpose: string;
  /**
   * The text with the part of agent-peers in it; a missing file is an empty text.
   * @throws PeersError `config_unreadable`, `config_conflict`
   */
  install(text: string): string;
  /** The text without that part, whoever wrote it. The same errors. */
  uninstall(text: string): string;
}

/** The folders that configuration is looked for in. */
export interface Place {
  readonly env: Env;
  /** The user's home. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

/** The name under which clients know the server. */
export const SERVER_NAME = 'agent-peers';
/** The tool that clients' hooks call. */
export const HOOK_TOOL = 'peer_hook';
