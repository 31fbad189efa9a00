/** The inbox: a session takes its peer's messages by lease and confirms them. */
import * as z from 'zod';
import { INBOX_HOLD_MS } from '../limits.ts';
import { Id, Intent, ofPeer, PeerShort, Priority, PushRoute, Time } from './common.ts';
import { Evidence } from './messages.ts';
import { operation } from './operation.ts';

export const InboxMessage = z.object({
  message_id: Id,
  /** The order of arrival: later messages have larger numbers, whatever the clock said. */
  seq: z.number().int(),
  conversation_id: Id,
  from: PeerShort,
  text: ofPeer(),
  sent_at: Time,
  reply_to: Id.nullable(),
  intent: Intent,
  priority: Priority,
  /** An earlier process of this peer may have shown it already. */
  redelivered: z.boolean(),
});
export type InboxMessage = z.infer<typeof InboxMessage>;

/** A session proves what its model has, never what the human has read. */
export const SessionEvidence = Evidence.exclude(['operator']);
export type SessionEvidence = z.infer<typeof SessionEvidence>;

export const Confirmation = z.object({
  message_id: Id,
  evidence: SessionEvidence,
  /** The push route that proved it, which nobody noted before. */
  pushed_by: PushRoute.optional(),
});
export type Confirmation = z.infer<typeof Confirmation>;

/** Messages were handed to the client unasked, or this failed. */
export const PushNote = z.object({
  message_ids: z.array(Id).min(1).max(1000),
  route: PushRoute,
  error: ofPeer(z.string().max(300)).optional(),
});
/** As a session sends it. */
export type PushNote = z.input<typeof PushNote>;

export const inbox = {
  nextMessages: operation({
    path: '/v1/inbox/next',
    caller: 'session',
    summary: 'Leases what waits; holds the request until something does. While it is held the session is present.',
    request: z.object({
      wait_ms: z.number().int().min(0).max(INBOX_HOLD_MS).default(0),
      /** Numbers this request: larger than that of the session's request before. */
      number: z.number().int().min(1).default(1),
      /**
       * The number of the session's last request whose messages arrived; 0: none yet. Messages that were the answer to
       * a later one got lost with their connection, and come again.
       */
      received: z.number().int().min(0).default(0),
      /** What became of the messages that came last: most pushes are over before the next request. */
      pushed: z.array(PushNote).max(100).default([]),
    }),
    response: z.object({ messages: z.array(InboxMessage) }),
  }),
  confirmMessages: operation({
    path: '/v1/inbox/confirm',
    caller: 'session',
    summary: 'Acknowledges messages for which there is evidence that the model has them. May be repeated.',
    request: z.object({ confirmations: z.array(Confirmation).min(1).max(1000) }),
    response: z.object({
      /** Newly confirmed by this call. */
      confirmed: z.number().int(),
      unread: z.number().int(),
    }),
  }),
  notePush: operation({
    path: '/v1/inbox/pushed',
    caller: 'session',
    summary: 'Tells that messages were handed to the client unasked, or that this failed.',
    request: PushNote,
    response: z.object({}),
  }),
  readMessage: operation({
    path: '/v1/inbox/read',
    caller: 'peer',
    summary: 'The whole of one message that the caller got or sent.',
    request: z.object({ message_id: Id }),
    response: z.object({ message: InboxMessage }),
  }),
};
