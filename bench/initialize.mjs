/**
 * How long a client waits for its session to answer `initialize`, from the start of the process, while the broker runs.
 * Most of that is the runtime's own start: a program of one line is measured beside it.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { row } from './support/row.mjs';

const RUNS = 25;
const BOUND_MS = { node: 100, bun: 75 };

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'claude-code', version: '1.0.0' } },
};

/** Answers one line, like a server that has nothing to load. */
const BARE_PROGRAM = `process.stdin.once('data', () => process.stdout.write('{}\\n'));`;

/**
 * @param {import('../scripts/lib/sandbox.mjs').Sandbox} sandbox
 * @param {import('../scripts/lib/sandbox.mjs').Runtime} runtime
 * @param {string} program
 */
async function untilAnswer(sandbox, runtime, program) {
  const start = performance.now();
  const child = sandbox.spawn(runtime, [program], { env: { AGENT_PEERS_ENABLED: '1' } });
  child.stderr.resume();
  child.stdin.write(`${JSON.stringify(INITIALIZE)}\n`);
  await once(child.stdout, 'data');
  const took = performance.now() - start;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  return took;
}

/** @type {import('./support/bench.mjs').Measurement} */
export const initialize = {
  name: 'initialize',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    await sandbox.startBroker(bench.brokerFlags);
    const bare = join(sandbox.home, 'bare.mjs');
    writeFileSync(bare, BARE_PROGRAM);
    const subjects = bench.eachRuntime.flatMap(({ label, name, runtime, bare: withBare }) =>
      [
        {
          what: `initialize of a session, ${label}`,
          runtime,
          program: runtime.entry('claude-server'),
          bound: { median: BOUND_MS[name] },
        },
        ...(withBare ? [{ what: `a one-line program, ${label}`, runtime, program: bare, bound: {} }] : []),
      ].map((subject) => ({ ...subject, samples: /** @type {number[]} */ ([]) })),
    );
    // in turns, so that whatever else the machine does falls on all alike; the first round only fills the file cache
    for (let i = 0; i <= RUNS; i += 1) {
      for (const { runtime, program, samples } of subjects) {
        const took = await untilAnswer(sandbox, runtime, program);
        if (i > 0) samples.push(took);
      }
    }
    return subjects.map(({ what, samples, bound }) => row(what, 'ms', samples, bound));
  },
};
