/**
 * How long a session takes until the agent can work with it: from the start of its process to the answer of
 * `list_peers`. The first session of all has a broker to start and a database to make on the way; every other one finds
 * the broker running.
 */
import { once } from 'node:events';
import { row } from './support/row.mjs';

const FIRST_RUNS = 9;
const FIRST_BOUND_MS = 400;
const NEW_RUNS = 15;
const NEW_BOUND_MS = { node: 130, bun: 110 };

/**
 * @param {import('../scripts/lib/sandbox.mjs').Sandbox} sandbox
 * @param {import('../scripts/lib/sandbox.mjs').Runtime} runtime
 */
async function untilPeersListed(sandbox, runtime) {
  const start = performance.now();
  const session = await sandbox.session(runtime, 'claude');
  await session.tool('list_peers');
  return { took: performance.now() - start, session };
}

/** @param {import('./support/bench.mjs').Bench} bench */
async function firstOfAll(bench) {
  const subjects = bench.eachRuntime.map((each) => ({ ...each, samples: /** @type {number[]} */ ([]) }));
  for (let i = 0; i <= FIRST_RUNS; i += 1) {
    for (const { runtime, samples } of subjects) {
      const sandbox = await bench.sandbox();
      const { took } = await untilPeersListed(sandbox, runtime);
      if (i > 0) samples.push(took);
      await sandbox.close();
    }
  }
  return subjects.map(({ label, samples }) =>
    row(`first session of all → list_peers answers, ${label}`, 'ms', samples, { median: FIRST_BOUND_MS }),
  );
}

/** @param {import('./support/bench.mjs').Bench} bench */
async function besideABroker(bench) {
  const subjects = [];
  for (const each of bench.eachRuntime) {
    const sandbox = await bench.sandbox();
    await sandbox.startBroker(each.brokerFlags, each.runtime);
    subjects.push({ ...each, sandbox, samples: /** @type {number[]} */ ([]) });
  }
  for (let i = 0; i <= NEW_RUNS; i += 1) {
    for (const { runtime, sandbox, samples } of subjects) {
      const { took, session } = await untilPeersListed(sandbox, runtime);
      if (i > 0) samples.push(took);
      // says goodbye, so that the list does not grow
      const exit = once(session.child, 'exit');
      session.child.stdin.end();
      await exit;
    }
  }
  return subjects.map(({ label, name, samples }) =>
    row(`new session, broker running → list_peers answers, ${label}`, 'ms', samples, { median: NEW_BOUND_MS[name] }),
  );
}

/** @type {import('./support/bench.mjs').Measurement} */
export const firstSession = {
  name: 'first-session',
  async measure(bench) {
    return [...(await firstOfAll(bench)), ...(await besideABroker(bench))];
  },
};
