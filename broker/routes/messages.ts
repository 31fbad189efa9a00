/** Messages: send, and what became of one. */
import type { Delivery, Receipt } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import { MAILBOX_MAX_WAITING, RECEIPT_WAIT_MS } from '../../shared/limits.ts';
import { assertText, describe, shownState } from '../core/mailbox.ts';
import type { Deps, Handlers } from '../deps.ts';
import { awaitNews } from '../receipts.ts';
import type { EntryRecord } from '../store/messages.ts';
import type { Sent } from '../store/sending.ts';
import { peerNotFound } from './peers.ts';

type Names = 'sendMessage' | 'messageStatus' | 'readMessage';

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

const FULL = `its mailbox holds ${MAILBOX_MAX_WAITING} unread messages`;

function refusal(sent: Extract<Sent, { ok: false }>, to: readonly string[], reply_to: string | undefined): PeersError {
  switch (sent.reason) {
    case 'no-such-peer':
      return peerNotFound(sent.ref, sent.names);
    case 'no-such-reply-to':
      return messageNotFound(reply_to ?? '');
    case 'to-self':
      return new PeersError(
        'send_to_self',
        'A peer cannot send to itself.',
        'Name another peer; list_peers shows who is there.',
      );
    case 'mailbox-full':
      return new PeersError(
        'mailbox_full',
        `${to.join(', ')}: ${FULL}.`,
        'Wait until that peer has read some, or ask the operator.',
        { retryAfterS: 60 },
      );
    case 'key-reused':
      return new PeersError(
        'idempotency_conflict',
        'Another message was sent with this idempotency key.',
        'Use a new key for a new message.',
      );
    case 'session-ended':
      return new PeersError(
        'session_stale',
        'This session does not serve its peer any more.',
        'Register again; the peer and its mailbox are still there.',
      );
  }
}

function messageNotFound(message_id: string): PeersError {
  return new PeersError(
    'message_not_found',
    `You have sent or received no message ${JSON.stringify(message_id)}.`,
    'Use the id as it stood in the message or in the receipt.',
  );
}

export function messageHandlers(deps: Deps): Handlers<Names> {
  const { store, outbox, bus, clock, ids, rate, config } = deps;

  const receipt = ({ message_id, to, recipient, entry }: EntryRecord): Receipt => ({
    message_id,
    to,
    route: entry.push_route ?? recipient.push_route,
    ...describe(entry, recipient, clock.now()),
  });

  const delivery = ({ to, recipient, entry }: EntryRecord): Delivery => ({
    to,
    state: shownState(entry, recipient, clock.now()),
    leased_at: iso(entry.leased_at),
    pushed_at: iso(entry.pushed_at),
    push_route: entry.push_route,
    push_error: entry.push_error,
    confirmed_at: iso(entry.confirmed_at),
    confirmed_by: entry.confirmed_by,
    deliverable_until:
      entry.state === 'queued' || entry.state === 'leased' ? iso(entry.queued_at + config.undeliveredMs) : null,
    detail: describe(entry, recipient, clock.now()).detail,
  });

  /** The message, if this peer sent it or has it in its mailbox. */
  const mine = async (message_id: string, peer_id: string) => {
    const found = await store.read((u) => u.messages.find(message_id));
    const knows = found?.message.from.id === peer_id || found?.entries.some(({ to }) => to.id === peer_id);
    if (!found || !knows) throw messageNotFound(message_id);
    return found;
  };

  return {
    sendMessage: async (request, call) => {
      assertText(request.message);
      const actor = call.actor();
      const to = typeof request.to === 'string' ? [request.to] : request.to;
      rate.take(actor.peer_id, clock.monotonic());
      const sent = await outbox.send({
        id: ids.message(),
        sender_id: actor.peer_id,
        session_id: actor.is === 'session' ? actor.session.id : null,
        to,
        text: request.message,
        reply_to: request.reply_to,
        intent: request.intent,
        priority: request.priority,
        idempotency_key: request.idempotency_key,
      });
      if (!sent.ok) throw refusal(sent, to, request.reply_to);
      const records = sent.to.map(({ record }) => record);
      // whoever can be pushed to is pushed to within milliseconds: worth waiting for, to tell the sender
      const told = sent.fresh ? await awaitNews(bus, records, RECEIPT_WAIT_MS, call.signal) : records;
      const why = sent.fresh ? `: ${FULL}` : '';
      const refused = sent.without.map(
        (peer): Receipt => ({
          message_id: sent.message_id,
          to: peer,
          outcome: 'refused',
          route: 'none',
          detail: `${peer.name} does not have it${why}.`,
        }),
      );
      return { message_id: sent.message_id, receipts: [...told.map(receipt), ...refused] };
    },

    messageStatus: async ({ message_id }, call) => {
      const { peer_id } = call.actor();
      const { message, entries } = await mine(message_id, peer_id);
      const visible = message.from.id === peer_id ? entries : entries.filter(({ to }) => to.id === peer_id);
      return {
        message_id,
        from: message.from,
        sent_at: message.sent_at,
        deliveries: visible.map(delivery),
      };
    },

    readMessage: async ({ message_id }, call) => ({ message: (await mine(message_id, call.actor().peer_id)).message }),
  };
}
