/** Puts the broker together, and takes it apart again. */
import { createServer, type Server } from 'node:http';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { BrokerClient } from '../shared/client.ts';
import { type BrokerConfig, type Env, readBrokerConfig } from '../shared/config.ts';
import { deferred } from '../shared/deferred.ts';
import { PeersError, toPeersError } from '../shared/errors.ts';
import { ensureSecret } from '../shared/secret.ts';
import type { StartReport } from '../shared/start-broker.ts';
import { VERSION } from '../shared/version.ts';
import { createApp } from './app.ts';
import { Auth } from './auth.ts';
import { Bus } from './bus.ts';
import { randomIds, systemClock } from './clock.ts';
import { RateLimiter } from './core/rate-limit.ts';
import type { Deps, Handlers } from './deps.ts';
import { Feed } from './feed.ts';
import { startHousekeeping } from './housekeeping.ts';
import { keepInstance, startInstance, stopInstance } from './instance.ts';
import { openLog } from './log.ts';
import { NewestRequests } from './newest-request.ts';
import { Outbox } from './outbox.ts';
import { Presence } from './presence.ts';
import { startReactions } from './reactions.ts';
import { inboxHandlers } from './routes/inbox.ts';
import { messageHandlers } from './routes/messages.ts';
import { operatorHandlers } from './routes/operator.ts';
import { peerHandlers } from './routes/peers.ts';
import { sessionHandlers } from './routes/sessions.ts';
import { isSecretGone, watchSecret } from './secret-watch.ts';
import { openSqlite } from './store/sqlite.ts';
import { Store } from './store/store.ts';
import { Waiters } from './waiters.ts';
import { NoWakeBus } from './wake-bus.ts';

/** An idle session speaks once a minute; its connection outlives several of these silences. */
const KEEP_ALIVE_MS = 10 * 60_000;
const DRAIN_MS = 3_000;
/** One machine has one person: its user. */
const LOCAL_PERSON = 'local';

/**
 * Runs a broker until it is told to stop. Prints one {@link StartReport} line on standard output.
 * @returns the exit code
 */
export async function runBroker(env: Env): Promise<number> {
  // whoever started this broker may have ended since: others wait for it all the same
  process.stdout.on('error', () => {});
  const report = (line: StartReport) => process.stdout.write(`${JSON.stringify(line)}\n`);
  let config: BrokerConfig;
  let secret: Buffer;
  let server: Server;
  // requests that arrive while the database opens wait for it
  const opened = deferred<ReturnType<typeof getRequestListener>>();
  opened.promise.catch(() => {});
  try {
    config = readBrokerConfig(env);
    secret = ensureSecret(config.home);
    server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      opened.promise.then((listen) => listen(request, response)).catch(() => response.destroy());
    });
    // bind() is the lock: whoever holds the port is the broker
    await bind(server, config.port);
  } catch (error) {
    const failure = toPeersError(error);
    const other = failure.code === 'port_in_use' ? await existing(readBrokerConfig(env), failure) : failure;
    report(other instanceof PeersError ? { error: other.toBody() } : { ready: true, pid: other.pid });
    return other instanceof PeersError ? 1 : 0;
  }

  const { log, flush } = openLog(config.home, config.logLevel);
  const stopping = new AbortController();
  const stopped = deferred<string>();
  try {
    const now = systemClock.now();
    const ids = randomIds;
    const host = hostname();
    const instance_id = ids.session();
    const engine = await openSqlite(config.db, {
      now,
      backups: join(config.home, 'backups'),
      isWanted: () => !isSecretGone(config.home, secret),
      onLoss: ({ error, saved, trouble, isOver }) => {
        log.error({ saved, err: trouble }, error.message);
        if (isOver) stopped.resolve(`${error.message} ${saved ? `Everything is in ${saved}.` : 'Nothing was saved.'}`);
      },
    });
    const store = new Store({ engine, instance_id, now: () => systemClock.now() });
    const me = { id: LOCAL_PERSON, name: userInfo().username };
    const operator = await store.write((u) => u.persons.ensure(me, host, ids.peer()));
    await startInstance({ store, ids, host, instance_id });
    const waiters = new Waiters();
    const presence = new Presence({ store, ids, log });
    const deps: Deps = {
      config,
      secret,
      host,
      instance_id,
      person: { ...me, peer_id: operator.id },
      store,
      bus: new Bus(),
      feed: new Feed({ store, sweepMs: undefined }),
      log,
      clock: systemClock,
      ids,
      outbox: new Outbox(store, waiters),
      newestRequests: new NewestRequests(),
      waiters,
      presence,
      rate: new RateLimiter(config.ratePerMinute),
      started_at: now,
      stopping: stopping.signal,
      stop: stopped.resolve,
    };
    const auth = new Auth(deps);
    const handlers: Handlers = {
      ...sessionHandlers(deps, auth),
      ...peerHandlers(deps),
      ...messageHandlers(deps),
      ...inboxHandlers(deps),
      ...operatorHandlers(deps),
    };
    // the library's own Response is cheaper, but under Bun its answers come without the length that a client waits for
    const overrideGlobalObjects = process.versions['bun'] === undefined;
    opened.resolve(getRequestListener(createApp(deps, auth, handlers).fetch, { overrideGlobalObjects }));
    const wakeBus = new NoWakeBus();
    const endReactions = startReactions({ ...deps, wakeBus, auth }, systemClock.now);
    startHousekeeping(deps);
    keepInstance(deps);
    watchSecret(deps);

    process.once('SIGTERM', () => stopped.resolve('SIGTERM'));
    process.once('SIGINT', () => stopped.resolve('SIGINT'));
    log.info({ version: VERSION, port: config.port, db: config.db }, 'broker started');
    report({ ready: true, pid: process.pid });

    const reason = await stopped.promise;
    log.info({ reason }, 'broker stops');
    stopping.abort();
    presence.close();
    // before the port is free: from then on a successor says who is attached
    await stopInstance(deps).catch((error: unknown) => {
      log.error({ err: error }, 'could not note that all sessions detach; the next broker does');
    });
    await drain(server);
    endReactions();
    await wakeBus.close();
    await store.close();
    log.info('broker stopped');
    await flush();
    return 0;
  } catch (error) {
    const failure = toPeersError(error);
    log.fatal({ err: error }, failure.message);
    report({ error: failure.toBody() });
    opened.reject(failure);
    server.close();
    server.closeAllConnections();
    await flush();
    return 1;
  }
}

function bind(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') return reject(error);
      reject(
        new PeersError(
          'port_in_use',
          `Port ${port} of 127.0.0.1 cannot be used (${error.code}).`,
          'Set AGENT_PEERS_PORT to a free port, for every session alike.',
          { cause: error },
        ),
      );
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
  });
}

/** Who holds the port: the broker that was faster, or an error that says what else it is. */
async function existing(config: BrokerConfig, inUse: PeersError): Promise<{ pid: number } | PeersError> {
  const client = new BrokerClient(config);
  try {
    return { pid: (await client.hello()).pid };
  } catch (error) {
    const failure = toPeersError(error);
    // it hangs up without a word: all that is known is that the port is not ours
    return failure.code === 'broker_unavailable' ? inUse : failure;
  } finally {
    client.close();
  }
}

/** Takes nothing new, lets what is under way finish, then closes the idle connections too. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  // answers that are being written now make their connections idle a moment later
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  await closed;
  clearTimeout(impatient);
  clearInterval(idle);
}
