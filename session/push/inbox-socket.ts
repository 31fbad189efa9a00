/**
 * Claude Code's own inbox socket: a message posted there starts a turn in an idle session and comes between two tool
 * calls in a busy one. Only the session's own child is trusted by it, so the MCP server posts, never the broker.
 */
import { createConnection } from 'node:net';
import type { InboxMessage } from '../../shared/contract/types.ts';
import { renderPushed } from '../present.ts';
import { ALWAYS_READY, type Route } from './route.ts';

const TIMEOUT_MS = 2_000;

export interface InboxSocket {
  readonly path: string;
  readonly token: string | undefined;
}

/** The two lines that Claude Code reads: who posts, and the message as a user turn from another session. */
function frames({ token }: InboxSocket, message: InboxMessage, again: boolean): string {
  const name = message.from.name;
  const content = `<cross-session-message from="agent-peers:${name}" from-name="${name}">\n${renderPushed(message, again)}\n</cross-session-message>`;
  const lines = [
    ...(token === undefined ? [] : [{ type: 'auth', token }]),
    { type: 'user', message: { role: 'user', content } },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Nothing comes back on this socket: resolved means written and closed, no more. */
function post(socket: InboxSocket, data: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket.path);
    const fail = (reason: string) => {
      connection.destroy();
      reject(new Error(reason));
    };
    connection.setTimeout(TIMEOUT_MS, () => fail('the inbox socket does not answer'));
    // the code alone: a path of the client has no place in logs and receipts
    connection.once('error', (error: NodeJS.ErrnoException) => fail(`inbox socket: ${error.code ?? 'failed'}`));
    connection.once('close', () => resolve());
    connection.resume();
    connection.end(data);
  });
}

/** @param again marks messages that went out by another route before */
export function inboxSocketRoute(socket: InboxSocket, { again }: { again: boolean } = { again: false }): Route {
  return {
    ...ALWAYS_READY,
    name: 'inbox-socket',
    atOnce: 1,
    push: async (messages) => {
      for (const message of messages) await post(socket, frames(socket, message, again));
      return 'handed';
    },
  };
}
