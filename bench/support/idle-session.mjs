/** A session as the broker sees one, without a process of its own: a hundred of them fit into the bench. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

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
 * Holds the request that brings messages, as long as the product's own sessions do, until told to leave. The first time
 * is cut short by chance: sessions of real life do not all begin in the same second.
 * @param {import('../../scripts/lib/sandbox.mjs').Sandbox} sandbox
 * @param {string} token
 * @param {AbortSignal} leave
 */
export async function hold(sandbox, token, leave) {
  /** @type {typeof import('../../shared/limits.ts')} */
  const { INBOX_HOLD_MS } = await import(pathToFileURL(join(sandbox.dist, 'shared', 'limits.js')).href);
  let wait_ms = Math.floor(Math.random() * INBOX_HOLD_MS);
  while (!leave.aborted) {
    try {
      await sandbox.client.call('nextMessages', { wait_ms }, { token, signal: leave });
    } catch (error) {
      if (!leave.aborted) throw error;
    }
    wait_ms = INBOX_HOLD_MS;
  }
}
