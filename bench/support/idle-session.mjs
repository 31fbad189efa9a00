/** A session as the broker sees one, without a process of its own: a hundred of them fit into the bench. */
import { randomBytes } from 'node:crypto';

/** As long as the product's own sessions hold it. */
const HOLD_MS = 55_000;

/**
 * @param {import('../../scripts/lib/sandbox.mjs').Sandbox} sandbox
 * @param {string} name
 * @param {'claude' | 'codex'} [kind]
 * @returns {Promise<string>} the session's token
 */
export async function register(sandbox, name, kind = 'codex') {
  const { token } = await sandbox.client.call('registerSession', {
    kind,
    name,
    process: randomBytes(8).toString('hex'),
    pid: process.pid,
    host: 'bench',
    cwd: sandbox.home,
    client: { name: 'bench', version: '1.0.0' },
    push_route: 'none',
  });
  return token;
}

/**
 * Holds the request that brings messages, until told to leave.
 * @param {import('../../scripts/lib/sandbox.mjs').Sandbox} sandbox
 * @param {string} token
 * @param {AbortSignal} leave
 */
export async function hold(sandbox, token, leave) {
  while (!leave.aborted) {
    try {
      await sandbox.client.call('nextMessages', { wait_ms: HOLD_MS }, { token, signal: leave });
    } catch (error) {
      if (!leave.aborted) throw error;
    }
  }
}
