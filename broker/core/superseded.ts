import { PeersError } from '../../shared/errors.ts';

/** For the older of two processes that served the same peer. */
export function superseded(): PeersError {
  return new PeersError(
    'session_superseded',
    'A newer session serves this peer: the same conversation or name was opened again.',
    'Use the newer session; this one stays silent.',
  );
}
