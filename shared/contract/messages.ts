/** Messages: text from one peer to one mailbox, and what became of it. */
import * as z from 'zod';
import { RECIPIENTS_MAX } from '../limits.ts';
import { Id, Intent, MessageText, ofPeer, PeerRef, PeerShort, Priority, PushRoute, Time } from './common.ts';
import { operation } from './operation.ts';

/** Where a message stands in its mailbox. `orphaned`: not confirmed, and its recipient has no session any more. */
export const MessageState = z.enum(['queued', 'leased', 'pushed', 'confirmed', 'orphaned']);
export type MessageState = z.infer<typeof MessageState>;

/**
 * What proves that the model has a message:
 * - `tool-response`: it stood in a tool response that the client took
 * - `hook`: it stood in a hook's additional context
 * - `named`: the model answered or quoted it by its id
 * - `client`: the client's own protocol said so
 * - `push-notice`: after a push, it was named under a tool response
 * - `operator`: the human read it
 */
export const Evidence = z.enum(['tool-response', 'hook', 'named', 'client', 'push-notice', 'operator']);
export type Evidence = z.infer<typeof Evidence>;

/** What the sender is told at once. */
export const Receipt = z.object({
  message_id: Id,
  to: PeerShort,
  /**
   * - `pushed`: handed to the recipient's client by `route`; not yet proof that the model has it
   * - `confirmed`: the recipient's model has it
   * - `waiting`: the recipient's session gets it at its next tool call
   * - `offline`: kept until the recipient returns
   * - `refused`: it does not have the message, and `detail` says why
   */
  outcome: z.enum(['pushed', 'confirmed', 'waiting', 'offline', 'refused']),
  route: PushRoute,
  /** The same in one sentence, with what else the sender should know (do-not-disturb, offline since when). */
  detail: z.string(),
});
export type Receipt = z.infer<typeof Receipt>;

export const Delivery = z.object({
  to: PeerShort,
  state: MessageState,
  leased_at: Time.nullable(),
  pushed_at: Time.nullable(),
  push_route: PushRoute.nullable(),
  push_error: ofPeer().nullable(),
  confirmed_at: Time.nullable(),
  confirmed_by: Evidence.nullable(),
  /** Unconfirmed mail is delivered until then. */
  deliverable_until: Time.nullable(),
  /** What the state means for the sender, in one sentence. */
  detail: z.string(),
});
export type Delivery = z.infer<typeof Delivery>;

export const messages = {
  sendMessage: operation({
    path: '/v1/messages/send',
    caller: 'peer',
    summary: 'Puts a message into one mailbox or several; answers when it is on disk.',
    request: z.object({
      /** One peer, or several: the text is stored once, and each gets it. */
      to: z.union([PeerRef, z.array(PeerRef).min(1).max(RECIPIENTS_MAX)]),
      message: MessageText,
      reply_to: Id.optional(),
      intent: Intent.default('inform'),
      priority: Priority.default('normal'),
      /** A retried send with the same key is one message. */
      idempotency_key: z.string().min(8).max(64).optional(),
    }),
    response: z.object({
      message_id: Id,
      /** One for each recipient: those that have it in the order in which they were named, then those that do not. */
      receipts: z.array(Receipt).min(1),
    }),
  }),
  messageStatus: operation({
    path: '/v1/messages/status',
    caller: 'peer',
    summary: 'What became of a message that the caller sent or got.',
    request: z.object({ message_id: Id }),
    response: z.object({
      message_id: Id,
      from: PeerShort,
      sent_at: Time,
      deliveries: z.array(Delivery),
    }),
  }),
};
