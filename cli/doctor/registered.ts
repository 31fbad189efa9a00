/** What a client is told to start, and what can be said of any client. */
import { PeersError, toPeersError } from '../../shared/errors.ts';
import type { Place } from '../install/file-edit.ts';
import { CLIENT_TITLES, type ClientName } from '../install/find-clients.ts';
import { valueAt } from '../install/json-text.ts';
import type { Io } from '../io.ts';
import { type Finding, findingsOf } from './finding.ts';
import type { ServerCommand } from './mcp-probe.ts';

const { ok, warning, error } = findingsOf('clients');

export const INSTALL = 'Run: agent-peers install';

/** What a client is told to start. */
export interface Registered {
  readonly client: ClientName;
  readonly path: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface ClientReport {
  readonly findings: readonly Finding[];
  readonly registered: readonly Registered[];
}

/** Findings about a client; a file that cannot be read is one of them. */
export async function lookedInto(
  client: ClientName,
  found: Finding,
  look: () => Promise<ClientReport>,
): Promise<ClientReport> {
  try {
    const { findings, registered } = await look();
    return { findings: [found, ...findings], registered };
  } catch (thrown) {
    if (!(thrown instanceof PeersError)) throw thrown;
    const { message, hint } = toPeersError(thrown);
    return { findings: [found, error(`${CLIENT_TITLES[client]}: ${message}`, hint)], registered: [] };
  }
}

export function entryFindings({ client, path, env }: Registered, { env: own }: Place): Finding[] {
  const enabled = env['AGENT_PEERS_ENABLED'] === '1' || own['AGENT_PEERS_ENABLED'] === '1';
  return enabled
    ? [ok(`${CLIENT_TITLES[client]} knows agent-peers (${path})`)]
    : [
        warning(
          `${path}: the entry does not set AGENT_PEERS_ENABLED=1, so sessions stay idle unless they are started with it`,
          INSTALL,
        ),
      ];
}

export function absent(client: ClientName): ClientReport {
  const title = CLIENT_TITLES[client];
  return { findings: [ok(`${title} is not on this machine, or not on PATH`)], registered: [] };
}

export function notRegistered(client: ClientName, path: string): Finding {
  return error(`${CLIENT_TITLES[client]} does not know agent-peers: ${path} has no entry for it`, INSTALL);
}

export function registeredBy(client: ClientName, path: string, entry: unknown): Registered | undefined {
  const command = valueAt(entry, ['command']);
  if (typeof command !== 'string') return undefined;
  const args = valueAt(entry, ['args']);
  const env = valueAt(entry, ['env']);
  return {
    client,
    path,
    command,
    args: Array.isArray(args) ? args.map(String) : [],
    env: Object.fromEntries(
      Object.entries((env as object | undefined) ?? {}).map(([name, value]) => [name, String(value)]),
    ),
  };
}

/** How the client starts its servers: what it passes on of its own environment, and nothing more. */
export function asStartedBy({ client, command, args, env }: Registered, io: Io, cwd: string): ServerCommand {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(io.env)) {
    if (value !== undefined && (client === 'claude' || PASSED_BY_CODEX.includes(name))) own[name] = value;
  }
  return { command, args, env: { ...own, ...env }, cwd };
}

const PASSED_BY_CODEX = ['HOME', 'LANG', 'PATH', 'SHELL', 'TERM', 'CODEX_HOME'];
