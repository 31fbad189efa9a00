/**
 * Starts a session. Only what answers `initialize` is loaded here; the rest follows while the client reads the answer.
 */
import type { Env } from '../shared/config.ts';
import { initializeResult, type Offer } from './handshake.ts';
import { collectAfterStart, preferLittleMemory } from './memory.ts';
import { type ClientSide, choosePushRoute } from './push/choose.ts';
import { StdioTransport } from './transport.ts';

export interface SessionStart {
  readonly side: ClientSide;
  /** import.meta.url of the entry: the broker's entry stands beside it. */
  readonly entryUrl: string;
  readonly env: Env;
}

export async function serveSession({ side, entryUrl, env }: SessionStart): Promise<void> {
  preferLittleMemory();
  const enabled = env['AGENT_PEERS_ENABLED'] === '1';
  const pushRoute = choosePushRoute(side, env);
  const offer: Offer = { enabled, channel: pushRoute === 'channel' };
  const transport = new StdioTransport({
    input: process.stdin,
    output: process.stdout,
    initialize: (params) => initializeResult(params, offer),
  });
  // loading keeps the process busy: the client gets its answer before
  await transport.greeted;
  if (enabled) {
    const { brokerEntryBeside, headStart } = await import('../shared/start-broker.ts');
    // the broker comes up while the rest loads; what fails here is told when the session connects
    headStart(brokerEntryBeside(entryUrl), env).catch(() => {});
  }
  const { Session } = await import('./session.ts');
  collectAfterStart();
  await new Session({ side, entryUrl, env, offer, pushRoute, transport }).run();
}
