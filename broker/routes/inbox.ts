/** The inbox of a session: the held request, confirmations, notes on pushes. */
import type { InboxMessage, ParsedRequest } from '../../shared/contract/types.ts';
import type { Entry } from '../core/mailbox.ts';
import type { Deps, Handlers } from '../deps.ts';
import { Hold } from '../hold.ts';
import type { MailRequest, SessionRecord } from '../store/store.ts';

type Names = 'nextMessages' | 'confirmMessages' | 'notePush';

export function inboxHandlers({
  store,
  bus,
  presence,
  newestRequests,
  waiters,
  clock,
  stopping,
  log,
}: Deps): Handlers<Names> {
  /** @returns the ids of the messages that the session holds */
  const note = async (
    session_id: string,
    { message_ids, route, error }: ParsedRequest<'notePush'>,
  ): Promise<string[]> => {
    const now = clock.now();
    const noted = await store.notePush(session_id, message_ids, route, error, now);
    const news: Partial<Entry> =
      error === undefined
        ? { pushed_at: now, push_route: route, push_error: null }
        : { push_route: route, push_error: error };
    for (const message_id of noted) bus.publish({ kind: 'entry', message_id, news });
    if (error !== undefined) log.warn({ session_id, route, error, message_ids: noted }, 'push failed');
    return noted;
  };

  /** Looks, and looks again whenever there may be something, until the hold is over. */
  const next = async (session: SessionRecord, request: MailRequest, hold: Hold): Promise<readonly InboxMessage[]> => {
    for (;;) {
      const { woken } = hold;
      // an ended session gets nothing; the caller's next request learns why it ended
      if (hold.isVoid) return [];
      const messages = await store.leaseNext(session, request, clock.now());
      if (messages.length > 0 || hold.isOver) return messages;
      const handed: InboxMessage[] = [];
      const leave = waiters.join({ session, request: request.number }, (messages) => {
        handed.push(...messages);
        hold.wake();
      });
      await woken;
      leave();
      if (handed.length > 0) return handed;
    }
  };

  return {
    nextMessages: async ({ wait_ms, number, received, pushed }, call) => {
      const session = call.session();
      const hold = new Hold({ bus, session, ms: wait_ms, gone: call.signal, stopping });
      const answer = async () => {
        try {
          await presence.hold(session.id);
          for (const push of pushed) await note(session.id, push);
          const messages = await next(session, { number, received }, hold);
          if (messages.length > 0) presence.leasing(session.id);
          return { messages: [...messages] };
        } finally {
          presence.release(session.id);
        }
      };
      try {
        return await newestRequests.serve(session.id, number, () => hold.revoke(), answer);
      } finally {
        hold.end();
      }
    },

    confirmMessages: async ({ confirmations }, call) => {
      const { peer_id, id } = call.session();
      const confirmed = await store.confirm(peer_id, confirmations, clock.now());
      for (const message_id of confirmed) bus.publish({ kind: 'entry', message_id, news: { state: 'confirmed' } });
      const unread = await store.unread(peer_id);
      // there is room for more of the same sender: a held request looks again
      if (confirmed.length > 0 && unread > 0) bus.publish({ kind: 'mail', peer_id });
      log.debug({ session_id: id, confirmed }, 'confirmed');
      return { confirmed: confirmed.length, unread };
    },

    notePush: async (push, call) => {
      const { id, peer_id } = call.session();
      const noted = await note(id, push);
      // what was pushed makes room for more of the same sender: a held request looks again
      if (noted.length > 0 && push.error === undefined) bus.publish({ kind: 'mail', peer_id });
      return {};
    },
  };
}
