/** Which route a session has to its client. One, chosen at start: a message never goes out by two. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Env } from '../../shared/config.ts';
import type { PushRoute } from '../../shared/contract/types.ts';
import { readRegularFileSync } from '../../shared/read-file.ts';
import { SYSTEM_ENV } from '../../shared/system.ts';
import type { InboxSocket } from './inbox-socket.ts';

export type ClientSide = 'claude' | 'codex';

const ROUTES: readonly PushRoute[] = ['channel', 'inbox-socket', 'app-server', 'none'];
const CHANNEL_FLAGS = ['--dangerously-load-development-channels', '--channels'];
const PS_TIMEOUT_MS = 500;

/** Longer than the system takes by default. */
export const COMMAND_MAX_BYTES = 4 * 1024 * 1024;

/** The words of a command line as /proc has it. */
export function words(command: Buffer): string[] {
  return command.toString('utf8').split('\0').filter(Boolean);
}

/** The command line of the process that started this one; empty where it cannot be read. */
export function parentCommand(pid = process.ppid): string[] {
  try {
    if (process.platform === 'linux') return words(readRegularFileSync(`/proc/${pid}/cmdline`, COMMAND_MAX_BYTES));
    const line = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      env: SYSTEM_ENV,
    });
    return line.trim().split(/\s+/);
  } catch {
    return []; // the parent is gone or hidden: as if it had no flags
  }
}

/** Whether Claude Code was started with this server as a channel. */
function hasChannelFlag(command: readonly string[]): boolean {
  return (
    command.some((word) => CHANNEL_FLAGS.some((flag) => word === flag || word.startsWith(`${flag}=`))) &&
    command.some((word) => /\b(?:server|plugin):\S*agent-peers/.test(word))
  );
}

/** Claude Code since 2.1.224 names its inbox socket to its children. */
export function inboxSocket(env: Env): InboxSocket | undefined {
  const path = env['CLAUDE_CODE_MESSAGING_SOCKET'];
  return path ? { path, token: env['CLAUDE_CODE_MESSAGING_TOKEN'] || undefined } : undefined;
}

/**
 * `AGENT_PEERS_PUSH` overrides the choice. A Codex session starts without a route; the app-server's is opened once
 * its thread is known.
 */
export function choosePushRoute(
  side: ClientSide,
  env: Env,
  command: () => readonly string[] = parentCommand,
): PushRoute {
  const asked = ROUTES.find((route) => route === env['AGENT_PEERS_PUSH']);
  if (side === 'codex') return 'none';
  if (asked) return asked;
  return inboxSocket(env) && !hasChannelFlag(command()) ? 'inbox-socket' : 'channel';
}

/** Whether this session may wake its Codex thread: the user opted in, since each wake is a billed turn. */
export function mayWakeCodex(env: Env): boolean {
  const asked = env['AGENT_PEERS_PUSH'];
  return asked === 'app-server' || (env['AGENT_PEERS_CODEX_WAKE'] === '1' && asked !== 'none');
}

/** A child of `codex exec`, or of a terminal's own server, has no daemon that could be asked. */
export function isUnderDaemon(command: readonly string[]): boolean {
  return command.includes('app-server');
}

/** Where Codex's daemon listens. It stands here, not with its client, which few sessions load. */
export function appServerSocket(env: Env): string {
  // the daemon passes CODEX_HOME on only where the user had set it
  const home = env['CODEX_HOME'] || join(env['HOME'] ?? '', '.codex');
  return join(home, 'app-server-control', 'app-server-control.sock');
}
