/**
 * How long a message takes from one agent to the other: from the `send_message` call at one session's standard input
 * to the channel notification at the other session's standard output, through a broker that commits it on the way.
 *
 * Agents send now and then, so that each message finds sleeping processes and cold caches: a tight loop says little
 * about that. How long sleeping processes take to wake is up to the machine. So each message takes turns with one on
 * the bare path, and the ratio of the two is what counts. The bare path has no disk: one sync is shown beside the ratio.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DiskProbe } from './support/disk-sync.mjs';
import { ProductPath, startBarePath } from './support/push-path.mjs';
import { ratio, row } from './support/row.mjs';
import { median } from './support/statistics.mjs';

/** Starts of a broker and two sessions; the first messages after a start are few. */
const STARTS = 6;
const FIRST = 10;
const FIRST_RATIO = 2.5;
const APART = [
  { ms: 30, count: 200 },
  { ms: 600, count: 40 },
];
const APART_RATIO = 1.4;
/** Between the first messages after a start. */
const SHORT_MS = 30;
const LOOP_WARM_UP = 1_000;
const LOOP_COUNT = 2_000;
const LOOP_BOUND_MS = { median: 1.2, p99: 8 };
/** `check_messages` names what was pushed, 20 messages a time: the mailbox stays as short as an agent at work keeps it. */
const READ_EVERY = 10;

/**
 * @typedef {import('./support/push-path.mjs').PushPath} PushPath
 * @typedef {{ bare: PushPath, disk: DiskProbe }} Beside what is measured in turns with the product
 */

class Samples {
  /** @type {number[]} */
  pushed = [];
  /** @type {number[]} */
  answered = [];
  /** @type {number[]} */
  bare = [];
  /** @type {number[]} */
  syncs = [];

  /**
   * Sends on both paths in turns, the messages of each path `ms` apart.
   * @param {ProductPath} product
   * @param {Beside} beside
   * @param {number} ms
   * @param {number} count
   */
  async take(product, { bare, disk }, ms, count) {
    const turn = async (/** @type {PushPath} */ path) => {
      const next = delay(ms / 2);
      const times = await path.send();
      await next;
      return times;
    };
    for (let i = 1; i <= count; i += 1) {
      const { pushed, answered } = await turn(product);
      this.pushed.push(pushed);
      this.answered.push(answered);
      this.bare.push((await turn(bare)).pushed);
      this.syncs.push(disk.sync());
      if (i % READ_EVERY !== 0) continue;
      await product.read();
      await delay(ms / 2);
    }
  }

  /**
   * @param {string} when
   * @param {number} bound of the ratio
   * @param {string} [cost] of the product
   * @param {string} [bareCost]
   */
  rows(when, bound, cost, bareCost) {
    return [
      row(`send_message → channel event at the other session, ${when}`, 'ms', this.pushed, {}, cost),
      row(`the bare path, ${when}`, 'ms', this.bare, {}, bareCost),
      ratio(
        `send_message → channel event ÷ the bare path, ${when}`,
        this.pushed,
        this.bare,
        { median: bound },
        `one disk sync beside it takes ${median(this.syncs).toFixed(2)} ms`,
      ),
    ];
  }
}

/**
 * @param {ProductPath} product
 * @param {number} count
 * @returns {Promise<number[]>} ms of each push
 */
async function oneAfterTheOther(product, count) {
  const pushed = [];
  for (let i = 1; i <= count; i += 1) {
    pushed.push((await product.send()).pushed);
    if (i % READ_EVERY === 0) await product.read();
  }
  return pushed;
}

/** @type {import('./support/bench.mjs').Measurement} */
export const pushLatency = {
  name: 'push-latency',
  async measure(bench) {
    const rows = [];
    for (const { label, runtime, bare: withBare, brokerFlags } of bench.eachRuntime) {
      // from source it is the same program, once it has started
      if (!withBare) continue;
      const place = await bench.sandbox();
      const bare = await startBarePath(place, runtime);
      const beside = { bare, disk: new DiskProbe(place.home) };

      const first = new Samples();
      for (let i = 0; i < STARTS; i += 1) {
        const fresh = await bench.sandbox();
        await first.take(await ProductPath.start(fresh, runtime), beside, SHORT_MS, FIRST);
        await fresh.close();
      }
      rows.push(...first.rows(`first ${FIRST} messages after a start, ${label}`, FIRST_RATIO));

      const product = await ProductPath.start(place, runtime, brokerFlags);
      await new Samples().take(product, beside, SHORT_MS, 2 * FIRST);
      for (const { ms, count } of APART) {
        const [cpu, bareCpu] = [product.cpu(), bare.cpu()];
        const apart = new Samples();
        await apart.take(product, beside, ms, count);
        rows.push(
          ...apart.rows(`${ms} ms apart, ${label}`, APART_RATIO, cpu(count), bareCpu(count)),
          row(`send_message → its own result, ${ms} ms apart, ${label}`, 'ms', apart.answered),
        );
      }

      await oneAfterTheOther(product, LOOP_WARM_UP);
      const cpu = product.cpu();
      const loop = await oneAfterTheOther(product, LOOP_COUNT);
      rows.push(
        row(
          `send_message → channel event at the other session, in a tight loop, ${label}`,
          'ms',
          loop,
          LOOP_BOUND_MS,
          cpu(LOOP_COUNT),
        ),
      );
      beside.disk.close();
      await place.close();
    }
    return rows;
  },
};
