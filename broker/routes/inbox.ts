/** The inbox of a session: the held request, confirmations, notes on pushes. */
import type { InboxMessage } from '../../shared/contract/types.ts';
import { waitFor } from '../bus.ts';
import type { Deps, Handlers } from '../deps.ts';

type Names = 'nextMessages' | 'confirmMessages' | 'notePush';

export function inboxHandlers({ store, bus, presence, clock, stopping, log }: Deps): Handlers<Names> {
  return {
    nextMessages: async ({ wait_ms, again }, call) => {
      const session = call.session();
      const end = clock.monotonic() + wait_ms;
      let ended = false;
      const gone = AbortSignal.any([call.signal, stopping]);
      const unsubscribe = bus.subscribe('session-ended', session.id, () => {
        ended = true;
      });
      try {
        await presence.hold(session.id);
        for (;;) {
          // subscribe before looking: mail that comes in between must wake us
          const mail = waitFor(bus, 'mail', session.peer_id, Math.max(0, end - clock.monotonic()), gone);
          const sessionEnd = waitFor(bus, 'session-ended', session.id, Math.max(0, end - clock.monotonic()), gone);
          let messages: InboxMessage[];
          try {
            // an ended session gets nothing; the caller's next request learns why it ended
            const over = ended || call.signal.aborted;
            messages = over ? [] : await store.leaseNext(session, clock.now(), again);
            if (messages.length > 0) presence.leasing(session.id);
            else if (!ended && !gone.aborted && (await Promise.race([mail.happened, sessionEnd.happened]))) continue;
          } finally {
            mail.cancel();
            sessionEnd.cancel();
          }
          return { messages };
        }
      } finally {
        unsubscribe();
        presence.release(session.id);
      }
    },

    confirmMessages: async ({ confirmations }, call) => {
      const { peer_id, id } = call.session();
      const confirmed = await store.confirm(peer_id, confirmations, clock.now());
      for (const message_id of confirmed) bus.publish({ kind: 'entry', message_id });
      const unread = await store.unread(peer_id);
      // there is room for more of the same sender: a held request looks again
      if (confirmed.length > 0 && unread > 0) bus.publish({ kind: 'mail', peer_id });
      log.debug({ session_id: id, confirmed }, 'confirmed');
      return { confirmed: confirmed.length, unread };
    },

    notePush: async ({ message_ids, route, error }, call) => {
      const { id } = call.session();
      const noted = await store.notePush(id, message_ids, route, error, clock.now());
      for (const message_id of noted) bus.publish({ kind: 'entry', message_id });
      if (error !== undefined) log.warn({ session_id: id, route, error, message_ids: noted }, 'push failed');
      return {};
    },
  };
}
