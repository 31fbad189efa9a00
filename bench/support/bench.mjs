/** What every measurement is given: the build, the runtimes, and sandboxes that are closed for it. */
import { findRuntimes, Sandbox } from '../../scripts/lib/sandbox.mjs';

/** @typedef {{ name: string, measure(bench: Bench): Promise<import('./row.mjs').Row[]> }} Measurement */

export class Bench {
  /** @type {Set<Sandbox>} */
  #open = new Set();

  /**
   * @param {string} dist folder of the build
   * @param {string | undefined} profiles folder for CPU profiles of the brokers
   */
  constructor(dist, profiles) {
    this.dist = dist;
    this.runtimes = findRuntimes(dist);
    /** Flags of Node for a broker. */
    this.brokerFlags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  }

  /**
   * The ways to start the product, with the names people know; `bare` is given where the runtime itself is shown beside.
   * The flags are Node's: only its broker takes them.
   */
  get eachRuntime() {
    const { node, bun, bunFromSource } = this.runtimes;
    const nodeName = /** @type {const} */ ('node');
    const bunName = /** @type {const} */ ('bun');
    return [
      { label: 'Node', name: nodeName, runtime: node, bare: true, brokerFlags: this.brokerFlags },
      ...(bun ? [{ label: 'Bun', name: bunName, runtime: bun, bare: true, brokerFlags: [] }] : []),
      ...(bunFromSource
        ? [{ label: 'Bun from source', name: bunName, runtime: bunFromSource, bare: false, brokerFlags: [] }]
        : []),
    ];
  }

  /**
   * @param {Record<string, string>} [env]
   * @returns {Promise<Sandbox>} closed after the measurement
   */
  async sandbox(env = {}) {
    // what the limit is for is not what is measured here
    const sandbox = await Sandbox.create(this.dist, { AGENT_PEERS_RATE_PER_MINUTE: '0', ...env });
    this.#open.add(sandbox);
    return sandbox;
  }

  /** Ends every process of a measurement and removes its files. */
  async close() {
    for (const sandbox of this.#open) await sandbox.close();
    this.#open.clear();
  }
}
