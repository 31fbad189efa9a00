/**
 * How long the first session of all takes until the agent can work with it: from the start of its process to the answer
 * of `list_peers`, with a broker to start and a database to make on the way.
 */
import { row } from './support/row.mjs';

const RUNS = 9;
const BOUND_MS = 400;

/** @type {import('./support/bench.mjs').Measurement} */
export const firstSession = {
  name: 'first-session',
  async measure(bench) {
    const subjects = bench.eachRuntime.map((each) => ({ ...each, samples: /** @type {number[]} */ ([]) }));
    for (let i = 0; i <= RUNS; i += 1) {
      for (const { runtime, samples } of subjects) {
        const sandbox = await bench.sandbox();
        const start = performance.now();
        const session = await sandbox.session(runtime, 'claude');
        await session.tool('list_peers');
        if (i > 0) samples.push(performance.now() - start);
        await sandbox.close();
      }
    }
    return subjects.map(({ label, samples }) =>
      row(`first session of all → list_peers answers, ${label}`, 'ms', samples, { median: BOUND_MS }),
    );
  },
};
