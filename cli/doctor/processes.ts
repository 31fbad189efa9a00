/** Processes of agent-peers that nobody needs any more. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { readRegularFile } from '../../shared/read-file.ts';
import type { Context } from '../context.ts';
import type { Io } from '../io.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, warning } = findingsOf('processes');

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
  const others = processes.filter(({ role, pid }) => role === 'broker' && pid !== current);
  const findings = [
    ...stale.map(({ pid, script }) =>
      warning(`session server ${pid} (${script}) runs on though its client is gone`, `Run: kill ${pid}`),
    ),
    ...(await Promise.all(others.map((broker) => otherBroker(broker, io)))),
  ];
  return findings.length > 0 ? findings : [ok('no process of agent-peers is left over')];
}

async function otherBroker({ pid, script }: OwnProcess, { platform }: Io): Promise<Finding> {
  const port = platform === 'linux' ? await portOf(pid) : undefined;
  const where = port === undefined ? '' : ` on port ${port}`;
  return warning(
    `another broker of yours runs${where}: process ${pid} (${script})`,
    `If no session uses it, run: ${port === undefined ? `kill ${pid}` : `AGENT_PEERS_PORT=${port} agent-peers kill-broker`}`,
  );
}

/** Undefined where processes cannot be listed. */
async function ownProcesses({ env }: Io): Promise<OwnProcess[] | undefined> {
  try {
    // x without a: those of this user, also without a terminal
    const args = ['-xwwo', 'pid=,ppid=,command='];
    const { stdout } = await promisify(execFile)('ps', args, { env: { ...env }, maxBuffer: 16 * 1024 * 1024 });
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

async function portOf(pid: number): Promise<string | undefined> {
  try {
    const env = (await readRegularFile(`/proc/${pid}/environ`, ENVIRONMENT_MAX_BYTES)).toString('utf8');
    return /(?:^|\0)AGENT_PEERS_PORT=(\d+)/.exec(env)?.[1];
  } catch {
    return undefined; // it ended meanwhile
  }
}

async function currentBroker(context: Context): Promise<number | undefined> {
  try {
    return await context.withBroker(async (_client, { pid }) => pid);
  } catch {
    return undefined; // none runs here; what is wrong with it is told elsewhere
  }
}
