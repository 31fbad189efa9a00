/** Processes of agent-peers that nobody needs any more. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { PeersError } from '../../shared/errors.ts';
import { readRegularFile } from '../../shared/read-file.ts';
import { systemEnv } from '../../shared/system.ts';
import type { Context } from '../context.ts';
import type { Io } from '../io.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, warning, error } = findingsOf('processes');

interface OwnProcess {
  readonly pid: number;
  readonly parent: number;
  readonly role: 'broker' | 'claude-server' | 'codex-server';
  readonly script: string;
}

/** Longer than the system takes by default. */
const ENVIRONMENT_MAX_BYTES = 4 * 1024 * 1024;

/** A path from the root to one of the entries; it may have spaces in it. */
const ENTRY = / (\/.*?\/(broker|claude-server|codex-server)\.(?:js|ts))(?: |$)/;

export async function processFindings(context: Context): Promise<Finding[]> {
  const { io } = context;
  if (io.platform === 'win32') return [];
  const processes = await ownProcesses(io);
  if (processes === undefined) return [];
  const current = await currentBroker(context);
  // a session ends within two seconds of its client; one that has not is stuck
  const stale = processes.filter(({ role, parent }) => role !== 'broker' && parent === 1);
  const others = processes.filter(({ role, pid }) => role === 'broker' && pid !== current.pid);
  const findings = [
    ...stale.map(({ pid, script }) =>
      warning(`session server ${pid} (${script}) runs on though its client is gone`, `Run: kill ${pid}`),
    ),
    ...(await Promise.all(others.map((broker) => otherBroker(broker, current.isSilent, context)))),
  ];
  return findings.length > 0 ? findings : [ok('no process of agent-peers is left over')];
}

async function otherBroker({ pid, script }: OwnProcess, isSilent: boolean, context: Context): Promise<Finding> {
  const { io, location } = context;
  const { AGENT_PEERS_PORT: port, AGENT_PEERS_HOME: home } = io.platform === 'linux' ? await settingsOf(pid) : {};
  if (isSilent && port === String(location.port)) {
    return error(
      `the broker on port ${port}, process ${pid} (${script}), does not answer: it is stopped, or very busy`,
      `Let it go on: kill -CONT ${pid}. Or end it: kill -KILL ${pid}. Nothing that it acknowledged is lost.`,
    );
  }
  const settings = [
    ...(home === undefined ? [] : [`AGENT_PEERS_HOME=${shellWord(home)}`]),
    ...(port === undefined ? [] : [`AGENT_PEERS_PORT=${shellWord(port)}`]),
  ];
  return warning(
    `another broker of yours runs${port === undefined ? '' : ` on port ${port}`}: process ${pid} (${script})`,
    `If no session uses it, run: ${settings.length === 0 ? `kill ${pid}` : `${settings.join(' ')} agent-peers kill-broker`}`,
  );
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Undefined where processes cannot be listed. */
async function ownProcesses({ env }: Io): Promise<OwnProcess[] | undefined> {
  try {
    // x without a: those of this user, also without a terminal
    const args = ['-xwwo', 'pid=,ppid=,command='];
    const { stdout } = await promisify(execFile)('ps', args, { env: systemEnv(env), maxBuffer: 16 * 1024 * 1024 });
    return stdout.split('\n').flatMap(parse);
  } catch {
    return undefined; // a system without ps, or one that does not show processes
  }
}

function parse(line: string): OwnProcess[] {
  const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
  const [, script, role] = ENTRY.exec(command) ?? [];
  if (script === undefined || !isRole(role)) return [];
  // other programs have a broker.js too
  if (!existsSync(join(dirname(script), `codex-server${extname(script)}`))) return [];
  return [{ pid: Number(pid), parent: Number(parent), role, script }];
}

function isRole(role: string | undefined): role is OwnProcess['role'] {
  return role === 'broker' || role === 'claude-server' || role === 'codex-server';
}

/** The settings that the process was started with. */
async function settingsOf(pid: number): Promise<Readonly<Record<string, string>>> {
  try {
    const env = (await readRegularFile(`/proc/${pid}/environ`, ENVIRONMENT_MAX_BYTES)).toString('utf8');
    return Object.fromEntries(env.split('\0').map((line) => line.split(/=(.*)/s, 2) as [string, string]));
  } catch {
    return {}; // it ended meanwhile
  }
}

/** The broker that answers here, if any, and whether something holds the port without a word. */
async function currentBroker(context: Context): Promise<{ pid: number | undefined; isSilent: boolean }> {
  try {
    return await context.withBroker(async (_client, { pid }) => ({ pid, isSilent: false }), { tries: 1 });
  } catch (thrown) {
    // what is wrong with it is told elsewhere
    return { pid: undefined, isSilent: thrown instanceof PeersError && thrown.code === 'broker_unresponsive' };
  }
}
