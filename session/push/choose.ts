/** Which route a session has to its client. One, chosen at start: a message never goes out by two. */
import type { Env } from '../../shared/config.ts';
import { PUSH_ROUTES } from '../../shared/contract/common.ts';
import type { PushRoute } from '../../shared/contract/types.ts';

export type ClientSide = 'claude' | 'codex';

/** @param env `AGENT_PEERS_PUSH` overrides the choice */
export function choosePushRoute(side: ClientSide, env: Env): PushRoute {
  const asked = PUSH_ROUTES.find((route) => route === env['AGENT_PEERS_PUSH']);
  if (asked) return asked;
  return side === 'claude' ? 'channel' : 'none';
}
