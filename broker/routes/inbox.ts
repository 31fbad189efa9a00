/** The inbox of a session: the held request, confirmations, notes on pushes. */
import type { InboxMessage, ParsedRequest } from '../../shared/contract/types.ts';
import type { Deps, Handlers } from '../deps.ts';
import { Hold } from '../hold.ts';
import type { MailRequest } from '../store/mailbox.ts';
import type { SessionRecord } from '../store/sessions.ts';

type Names = 'nextMessages' | 'confirmMessages' | 'notePush';

export function inboxHandlers({ store, bus, presence, newestRequests, waiters, stopping, log }: Deps): Handlers<Names> {
  const note = async (session: SessionRecord, { message_ids, route, error }: ParsedRequest<'notePush'>) => {
    const noted = await store.note((u) => u.mailbox.notePush(session, message_ids, route, error));
    if (error !== undefined) log.warn({ session_id: session.id, route, message_ids: noted }, 'push failed');
  };

  /** Looks, and looks again whenever there may be something, until the hold is over. */
  const next = async (session: SessionRecord, request: MailRequest, hold: Hold): Promise<readonly InboxMessage[]> => {
    for (;;) {
      const { woken } = hold;
      // an ended session gets nothing; the caller's next request learns why it ended
      if (hold.isVoid) return [];
      const messages = (await store.read((u) => u.mailbox.hasNext(session, request)))
        ? await store.note((u) => u.mailbox.lease(session, request))
        : [];
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
          await presence.hold(session);
          for (const push of pushed) await note(session, push);
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
      const session = call.session();
      const confirmed = await store.note((u) => u.mailbox.confirm(session, confirmations));
      log.debug({ session_id: session.id, confirmed }, 'confirmed');
      return { confirmed: confirmed.length, unread: await store.read((u) => u.mailbox.unread(session.peer_id)) };
    },

    notePush: async (push, call) => {
      await note(call.session(), push);
      return {};
    },
  };
}
