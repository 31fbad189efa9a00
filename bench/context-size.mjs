/** What agent-peers costs every request to a model: the core tools' descriptions and the server's instructions. */
import { row } from './support/row.mjs';

const TOOLS_MAX_BYTES = 6 * 1024;
const INSTRUCTIONS_MAX_BYTES = 2 * 1024;

/** @type {import('./support/bench.mjs').Measurement} */
export const contextSize = {
  name: 'context-size',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    const session = sandbox.connect(bench.runtimes.node, 'claude', { env: { AGENT_PEERS_TOOLSETS: 'core' } });
    const { instructions } = await session.initialize('claude-code');
    const listed = await session.request('tools/list');
    return [
      row(
        'core tools as tools/list gives them',
        'bytes',
        [Buffer.byteLength(JSON.stringify(listed))],
        { median: TOOLS_MAX_BYTES },
        `${listed.tools.length} tools`,
      ),
      row('server instructions', 'bytes', [Buffer.byteLength(instructions)], { median: INSTRUCTIONS_MAX_BYTES }),
    ];
  },
};
