/**
 * How many messages a second the broker takes, each answered only when it is on disk: many senders at once, each with
 * its own connection and one message under way, to as many mailboxes.
 */
import { DiskProbe } from './support/disk-sync.mjs';
import { register } from './support/idle-session.mjs';
import { cpuMeter } from './support/process-cost.mjs';
import { RawConnection } from './support/raw-connection.mjs';
import { row } from './support/row.mjs';
import { median } from './support/statistics.mjs';

const CONNECTIONS = 64;
const WARM_UP_MS = 2_000;
/** Throughput is noisy on a machine that does other things too: the median of several windows is quoted. */
const WINDOW_MS = 1_000;
const WINDOWS = 6;
const SYNCS = 50;
const SQLITE_AT_LEAST = 8_000;
const TEXT = 'The login test fails on main since the token refresh moved into the middleware; is that yours? '.repeat(
  2,
);

/**
 * @param {import('../scripts/lib/sandbox.mjs').Sandbox} sandbox its settings choose the database
 * @param {readonly string[]} brokerFlags
 * @returns {Promise<{ rates: number[], latencies: number[], note: string }>} sends a second in each window; ms of each send
 */
async function sendForAWhile(sandbox, brokerFlags) {
  const broker = await sandbox.startBroker(brokerFlags);
  const port = Number(sandbox.env['AGENT_PEERS_PORT']);
  for (let i = 0; i < CONNECTIONS; i += 1) await register(sandbox, `to-${i}`);

  const latencies = /** @type {number[]} */ ([]);
  let answered = 0;
  let measuring = false;
  let running = true;
  /** @param {number} i */
  const sender = async (i) => {
    const token = await register(sandbox, `from-${i}`);
    const connection = await RawConnection.open(port, '/v1/messages/send', token);
    for (let n = 0; running; n += 1) {
      const start = performance.now();
      // as a session's are: unique, and in the order of time
      const key = `${Date.now().toString(36)}-bench-${i}-${n}`;
      await connection.post(`{"to":"to-${i}","message":"${TEXT}","idempotency_key":"${key}"}`);
      answered += 1;
      if (measuring) latencies.push(performance.now() - start);
    }
    connection.close();
  };
  const senders = Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => sender(i)));
  // a sender that fails ends the measurement, not only itself
  const pass = (/** @type {number} */ ms) => Promise.race([senders, new Promise((resolve) => setTimeout(resolve, ms))]);

  await pass(WARM_UP_MS);
  measuring = true;
  const rates = [];
  const cpu = cpuMeter(broker);
  for (let i = 0; i < WINDOWS; i += 1) {
    const before = answered;
    const start = performance.now();
    await pass(WINDOW_MS);
    rates.push(((answered - before) * 1000) / (performance.now() - start));
  }
  // says more than the rate where other programs want the CPU too
  const each = cpu === undefined ? '' : `; ${(cpu() / latencies.length).toFixed(2)} ms CPU of the broker each`;
  running = false;
  await senders;

  const { counts } = await sandbox.client.call('brokerStatus', {});
  if (counts.waiting !== answered) {
    throw new Error(`${answered} sends were acknowledged, but ${counts.waiting} messages wait in the mailboxes`);
  }
  return { rates, latencies, note: `all ${answered.toLocaleString('en-US')} found in the mailboxes${each}` };
}

/** @type {import('./support/bench.mjs').Measurement} */
export const durableSends = {
  name: 'durable-sends',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    const probe = new DiskProbe(sandbox.home);
    const syncs = Array.from({ length: SYNCS }, () => probe.sync());
    probe.close();
    const { rates, latencies, note } = await sendForAWhile(sandbox, bench.brokerFlags);
    return [
      row(
        `durable sends a second, ${CONNECTIONS} connections, SQLite`,
        '/s',
        rates,
        { atLeast: SQLITE_AT_LEAST },
        `${note}; one disk sync takes ${median(syncs).toFixed(2)} ms`,
      ),
      row('one of those sends', 'ms', latencies),
    ];
  },
};
