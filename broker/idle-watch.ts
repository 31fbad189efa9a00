/** Keeps the promise of notify_when_idle: one message, from the peer that was watched, when it falls idle or leaves. */
import { peerText } from '../shared/peer-text.ts';
import type { Bus } from './bus.ts';
import type { Ids } from './clock.ts';
import type { Logger } from './log.ts';
import type { Outbox } from './outbox.ts';
import type { Store } from './store/store.ts';

export class IdleWatch {
  readonly #deps: { store: Store; outbox: Outbox; bus: Bus; ids: Ids; log: Logger };

  constructor(deps: { store: Store; outbox: Outbox; bus: Bus; ids: Ids; log: Logger }) {
    this.#deps = deps;
  }

  /** Must not throw: nobody waits for it. */
  async fell(peer_id: string, state: 'idle' | 'offline'): Promise<void> {
    const { store, outbox, bus, ids, log } = this.#deps;
    try {
      const watches = await store.idleWatches(peer_id);
      if (watches.length === 0) return;
      const peer = await store.findPeer(peer_id);
      const text = peerText(
        `[agent-peers] ${peer?.name ?? 'The peer'} is ${state} now. You asked to be told; this was sent automatically.`,
      );
      for (const watch of watches) {
        const sent = await outbox.send({
          id: ids.message(),
          sender_id: peer_id,
          to: watch.watcher_id,
          text,
          reply_to: undefined,
          intent: 'ack-not-needed',
          priority: 'normal',
          // should this broker die between the two, the next one does not say it again
          idempotency_key: `idle ${watch.watcher_id} ${watch.created_at}`,
        });
        if (sent.ok && !sent.handed) bus.publish({ kind: 'mail', peer_id: sent.record.to.id });
        // whoever cannot be told now, for want of room, is told the next time
        if (sent.ok || sent.reason !== 'mailbox-full') await store.endIdleWatch(watch);
      }
    } catch (error) {
      log.error({ err: error, peer_id }, 'could not tell who watches a peer that it fell idle');
    }
  }
}
