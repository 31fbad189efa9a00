/** Settings from the environment, read once at start and passed down; nothing below reads process.env itself. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { PeersError } from './errors.ts';
import { RATE_PER_MINUTE } from './limits.ts';

export type Env = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT = 7900;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Where the broker of this user is, and where its files are. */
export interface Location {
  /** TCP port on 127.0.0.1 (`AGENT_PEERS_PORT`). */
  readonly port: number;
  /** Folder of secret, log, credentials and backups, mode 0700 (`AGENT_PEERS_HOME`). */
  readonly home: string;
  /** The SQLite file (`AGENT_PEERS_DB`). */
  readonly db: string;
}

export interface BrokerConfig extends Location {
  /** Messages a peer may send a minute; 0 turns the limit off (`AGENT_PEERS_RATE_PER_MINUTE`). */
  readonly ratePerMinute: number;
  /** Undelivered mail stays deliverable this long (`AGENT_PEERS_UNDELIVERED_DAYS`, 7). */
  readonly undeliveredMs: number;
  /** Confirmed messages stay in the history this long (`AGENT_PEERS_HISTORY_DAYS`, 30). */
  readonly historyMs: number;
  /** Orphans past their delivery time are kept for requeueing this long (`AGENT_PEERS_ORPHAN_DAYS`, 30). */
  readonly orphanMs: number;
  /** A peer without mail and without a session is forgotten after this (`AGENT_PEERS_PEER_DAYS`, 90). */
  readonly peerMs: number;
  readonly logLevel: string;
}

function number(env: Env, name: string, fallback: number, min: number, max: number): number {
  const raw = env[name]?.trim();
  if (raw === undefined || raw === '') return fallback;
  const value = Number(raw);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new PeersError(
      'invalid_config',
      `${name} is "${raw}", which is not a whole number from ${min} to ${max}.`,
      `Unset ${name} to use ${fallback}.`,
    );
  }
  return value;
}

function path(value: string): string {
  return resolve(value.startsWith('~/') ? join(homedir(), value.slice(2)) : value);
}

/** @throws PeersError `invalid_config` for a setting that cannot be understood */
export function readLocation(env: Env): Location {
  const userHome = env['HOME'] || homedir();
  return {
    port: number(env, 'AGENT_PEERS_PORT', DEFAULT_PORT, 1, 65_535),
    home: path(env['AGENT_PEERS_HOME'] || join(userHome, '.agent-peers')),
    db: path(env['AGENT_PEERS_DB'] || join(userHome, '.agent-peers.db')),
  };
}

/** @throws PeersError `invalid_config` for a setting that cannot be understood */
export function readBrokerConfig(env: Env): BrokerConfig {
  const days = (name: string, fallback: number) => number(env, name, fallback, 1, 36_500) * DAY_MS;
  const level = env['AGENT_PEERS_LOG_LEVEL'] || 'info';
  if (!['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].includes(level)) {
    throw new PeersError(
      'invalid_config',
      `AGENT_PEERS_LOG_LEVEL is "${level}", which is not a log level.`,
      'Use one of trace, debug, info, warn, error, fatal, silent.',
    );
  }
  return {
    ...readLocation(env),
    ratePerMinute: number(env, 'AGENT_PEERS_RATE_PER_MINUTE', RATE_PER_MINUTE, 0, 1_000_000),
    undeliveredMs: days('AGENT_PEERS_UNDELIVERED_DAYS', 7),
    historyMs: days('AGENT_PEERS_HISTORY_DAYS', 30),
    orphanMs: days('AGENT_PEERS_ORPHAN_DAYS', 30),
    peerMs: days('AGENT_PEERS_PEER_DAYS', 90),
    logLevel: level,
  };
}

/** The variables a broker is started with: never the client's whole environment, which holds its API key. */
const BROKER_ENV_NAMES = [
  'HOME',
  'PATH',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'USER',
  'AGENT_PEERS_PORT',
  'AGENT_PEERS_HOME',
  'AGENT_PEERS_DB',
  'AGENT_PEERS_RATE_PER_MINUTE',
  'AGENT_PEERS_UNDELIVERED_DAYS',
  'AGENT_PEERS_HISTORY_DAYS',
  'AGENT_PEERS_ORPHAN_DAYS',
  'AGENT_PEERS_PEER_DAYS',
  'AGENT_PEERS_LOG_LEVEL',
] as const;

export function brokerEnv(env: Env): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of BROKER_ENV_NAMES) {
    const value = env[name];
    if (value !== undefined) picked[name] = value;
  }
  return picked;
}
