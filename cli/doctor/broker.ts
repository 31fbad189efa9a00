/** The broker: its port, its secret and files, its database, and a round trip. */
import { stat } from 'node:fs/promises';
import type { BrokerClient, Hello } from '../../shared/client.ts';
import type { Location } from '../../shared/config.ts';
import { PeersError, toPeersError } from '../../shared/errors.ts';
import { readSecret, secretPath } from '../../shared/secret.ts';
import { VERSION } from '../../shared/version.ts';
import type { Context } from '../context.ts';
import { checkDatabase } from './database.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, warning, error } = findingsOf('broker');
const SLOW_MS = 250;

export async function brokerFindings(context: Context): Promise<Finding[]> {
  let location: Location;
  try {
    location = context.location;
  } catch (thrown) {
    return [fromError(thrown)];
  }
  return [
    ...(await roundTrip(context)),
    await secretFinding(location),
    ...(await modeFindings(location)),
    ...(await databaseFindings(location, context)),
  ];
}

async function roundTrip(context: Context): Promise<Finding[]> {
  const { now } = context.io;
  const { port } = context.location;
  try {
    return await context.withBroker(
      async (client: BrokerClient, hello: Hello) => {
        const start = now();
        const status = await client.call('brokerStatus', { include_offline: false });
        const ms = now() - start;
        const trip = `broker ${status.version} (${status.runtime}, process ${status.pid}) answers on 127.0.0.1:${port} in ${ms} ms`;
        return [
          ms > SLOW_MS
            ? warning(trip, 'Is the machine very busy? Look again, and at broker.log if it stays so.')
            : ok(trip),
          ...(hello.version === VERSION
            ? []
            : [
                warning(
                  `the broker is ${hello.version}, this command ${VERSION}`,
                  'Run: agent-peers kill-broker - the next session starts the version that is installed.',
                ),
              ]),
          ...(status.counts.orphaned > 0
            ? [
                warning(
                  `${status.counts.orphaned} messages wait for peers that are gone`,
                  'See: agent-peers orphaned-messages',
                ),
              ]
            : []),
        ];
      },
      { tries: 1 },
    );
  } catch (thrown) {
    if (thrown instanceof PeersError && thrown.code === 'broker_unavailable') {
      return [ok(`no broker runs on 127.0.0.1:${port}; the first session starts one, and the port is free`)];
    }
    return [fromError(thrown)];
  }
}

async function secretFinding({ home }: Location): Promise<Finding> {
  try {
    readSecret(home);
    return ok(`${secretPath(home)} is there and only yours`);
  } catch (thrown) {
    if (thrown instanceof PeersError && thrown.code === 'secret_missing') {
      return ok('there is no secret yet; the broker makes one at its first start');
    }
    return fromError(thrown);
  }
}

async function modeFindings({ home, db }: Location): Promise<Finding[]> {
  const findings = await Promise.all(
    [home, db].map(async (path) => {
      const mode = await modeOf(path);
      if (mode === undefined || (mode & 0o077) === 0) return [];
      const wanted = path === home ? '700' : '600';
      return [error(`${path} can be opened by other users of this machine`, `Run: chmod ${wanted} ${path}`)];
    }),
  );
  return findings.flat();
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch {
    return undefined; // not there yet
  }
}

async function databaseFindings({ db }: Location, { io }: Context): Promise<Finding[]> {
  const found = await stat(db).catch(() => undefined);
  if (!found) return [ok(`no database yet; it will be ${db}`)];
  // opening a FIFO would wait for ever
  if (!found.isFile()) return [error(`${db} is not a regular file`, 'Move it away; the broker makes a new database.')];
  const report = await checkDatabase(db, io);
  if ('error' in report) {
    const { message, hint } = report.error;
    return [
      error(
        `${db} cannot be checked: ${message}`,
        hint ?? 'Is it a database of agent-peers, and yours to read? AGENT_PEERS_DB names another one.',
      ),
    ];
  }
  const { driver, problems } = report;
  if (problems.length === 0) return [ok(`${db} is whole, as ${driver} reads it`)];
  return [
    error(
      `${db} is damaged: ${problems.slice(0, 3).join('; ')}`,
      'Run agent-peers kill-broker, move the file away, and put back a copy from ~/.agent-peers/backups if there is one.',
    ),
  ];
}

function fromError(thrown: unknown): Finding {
  const { message, hint } = toPeersError(thrown);
  return error(message, hint);
}
