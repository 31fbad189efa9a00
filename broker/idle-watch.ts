/** Keeps the promise of notify_when_idle: one message, from the peer that was watched, when it falls idle or leaves. */
import { peerText } from '../shared/peer-text.ts';
import type { Ids } from './clock.ts';
import type { Unit } from './store/store.ts';

/** In the unit that changes the peer's state: the watchers are told if that is committed, and then once. */
export async function tellWatchers(u: Unit, peer_id: string, state: 'idle' | 'offline', ids: Ids): Promise<void> {
  const watchers = await u.idleWatches.take(peer_id);
  if (watchers.length === 0) return;
  const { name } = await u.peers.get(peer_id);
  const [sent] = await u.sending.send([
    {
      id: ids.message(),
      sender_id: peer_id,
      session_id: null,
      to: watchers,
      text: peerText(`[agent-peers] ${name} is ${state} now. You asked to be told; this was sent automatically.`),
      reply_to: undefined,
      intent: 'ack-not-needed',
      priority: 'normal',
      idempotency_key: undefined,
    },
  ]);
  // whoever cannot be told now, for want of room, is told the next time
  const untold = sent?.ok ? sent.without.map(({ id }) => id) : watchers;
  for (const watcher of untold) await u.idleWatches.add(peer_id, watcher);
}
