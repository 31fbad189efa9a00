/**
 * Measures what the project promises about time, memory and context, and prints it beside the bounds:
 *
 *     npm run bench -- [--only NAME]... [--json] [--dist DIR] [--profile DIR]
 *
 * Every measurement has a HOME, port and database of its own. It says what was measured and fails only where it could
 * not measure: a bound that is missed on a busy machine is for people to judge.
 */
import { availableParallelism, cpus, loadavg, release, type } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/lib/sandbox.mjs';
import { contextSize } from './context-size.mjs';
import { durableSends } from './durable-sends.mjs';
import { firstSession } from './first-session.mjs';
import { idleCpu } from './idle-cpu.mjs';
import { initialize } from './initialize.mjs';
import { memory } from './memory.mjs';
import { pushLatency } from './push-latency.mjs';
import { Bench } from './support/bench.mjs';
import { isMet, table } from './support/row.mjs';

const MEASUREMENTS = [pushLatency, initialize, firstSession, memory, idleCpu, contextSize, durableSends];
const NAMES = MEASUREMENTS.map(({ name }) => name);

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    dist: { type: 'string', default: join(ROOT, 'dist') },
    profile: { type: 'string' },
  },
});
const unknown = options.only.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) {
  console.error(`There is no measurement ${unknown.join(', ')}. There are: ${NAMES.join(', ')}.`);
  process.exit(2);
}

const bench = new Bench(resolve(options.dist), options.profile && resolve(options.profile));
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => void bench.close().finally(() => process.exit(1)));
}
process.once('uncaughtException', (error) => {
  console.error(error);
  void bench.close().finally(() => process.exit(1));
});

const rows = [];
for (const { name, measure } of MEASUREMENTS) {
  if (options.only.length > 0 && !options.only.includes(name)) continue;
  if (process.stderr.isTTY) console.error(`measuring ${name} …`);
  try {
    rows.push(...(await measure(bench)).map((measured) => ({ measurement: name, ...measured })));
  } catch (error) {
    console.error(`${name} could not be measured:`, error);
    process.exitCode = 1;
  } finally {
    await bench.close();
  }
}

const cores = availableParallelism();
if (options.json) {
  const machine = { system: `${type()} ${release()}`, cpu: cpus()[0]?.model ?? '', cores, load: loadavg() };
  const measured = rows.map((each) => ({ ...each, met: isMet(each) ?? null }));
  console.log(JSON.stringify({ node: process.versions.node, machine, rows: measured }, null, 2));
} else {
  console.log(table(rows));
  // a load beside which the numbers mean little
  console.log(
    `\nNode ${process.versions.node}, ${cores} cores, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  );
}
