/** How long calls wait for a broker that is missing, starting or silent, before they say so. */
import { PeersError } from '../shared/errors.ts';

const CALL_WAIT_MS = 30_000;

/** What is left of that time; calls that share one wait that long together. */
export interface Patience {
  leftMs: number;
}

export function newPatience(): Patience {
  return { leftMs: CALL_WAIT_MS };
}

/**
 * @param failure why the link is down; undefined while the first try is not over
 * @param wasSent the request may have reached the broker
 */
export function waitedInVain(failure: PeersError | undefined, wasSent: boolean): PeersError {
  const { code, message, hint } = failure ?? {
    code: 'broker_unresponsive' as const,
    message: 'The broker has not answered yet.',
    hint: 'Look at broker.log in ~/.agent-peers (or AGENT_PEERS_HOME).',
  };
  return new PeersError(
    code,
    `${message} This call waited ${CALL_WAIT_MS / 1000} s; the session keeps trying by itself.`,
    wasSent ? `The broker may still do what was asked: look before you repeat it. ${hint}` : hint,
    { cause: failure },
  );
}
