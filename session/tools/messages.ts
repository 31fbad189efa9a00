/** Tools about messages: send, look, wait, ask what became of one. */

import * as z from 'zod';
import { Id, Intent, MessageText, PeerRef, Priority } from '../../shared/contract/common.ts';
import type { Delivery, InboxMessage } from '../../shared/contract/types.ts';
import { newIdempotencyKey } from '../../shared/idempotency.ts';
import { MESSAGE_MAX_BYTES, RECIPIENTS_MAX, TOOL_RESPONSE_MAX_BYTES } from '../../shared/limits.ts';
import { partOf } from '../present.ts';
import { type Tool, tool } from './tool.ts';

const WAIT_DEFAULT_S = 60;
/** Whoever asks what waits is told more of what was pushed than beside another tool's result. */
const NOTICES_WHEN_ASKED = 20;

function seconds(time: string | null): string {
  return time === null ? '' : ` ${time.replace(/\.\d+Z$/, 'Z')}`;
}

function deliveryLine(delivery: Delivery): string {
  const steps = [
    ...(delivery.leased_at ? [`taken by its session${seconds(delivery.leased_at)}`] : []),
    ...(delivery.pushed_at ? [`pushed by ${delivery.push_route}${seconds(delivery.pushed_at)}`] : []),
    ...(delivery.confirmed_at ? [`confirmed${seconds(delivery.confirmed_at)} by ${delivery.confirmed_by}`] : []),
  ];
  return `${delivery.to.name}: ${delivery.state}. ${delivery.detail}${steps.length > 0 ? ` (${steps.join(', ')})` : ''}`;
}

/** A peer may be named by name or id: names compare without case. */
function isFrom(message: InboxMessage, ref: string): boolean {
  return message.from.id === ref || message.from.name.toLowerCase() === ref.toLowerCase();
}

export const messageTools: readonly Tool[] = [
  tool({
    name: 'send_message',
    title: 'Send a message',
    description: `Sends a message (up to ${MESSAGE_MAX_BYTES / 1024} KB) to a peer's mailbox, online or not. The result says what became of it.`,
    input: z.object({
      to_id: z
        .union([PeerRef, z.array(PeerRef).min(1).max(RECIPIENTS_MAX)])
        .describe('name or id from list_peers, or "operator" for the human; a list sends to each'),
      message: MessageText,
      reply_to: Id.optional().describe('id of the message you answer'),
      intent: Intent.optional().describe('request: you need an answer'),
      priority: Priority.optional().describe('critical interrupts; info may wait'),
    }),
    readOnly: false,
    alwaysLoad: true,
    run: async ({ to_id, message, reply_to, intent, priority }, { call, inbox }) => {
      const { message_id, receipts } = await call('sendMessage', {
        to: to_id,
        message,
        // the link may have to send twice; the mailbox gets it once
        idempotency_key: newIdempotencyKey(),
        ...(reply_to === undefined ? {} : { reply_to }),
        ...(intent === undefined ? {} : { intent }),
        ...(priority === undefined ? {} : { priority }),
      });
      if (reply_to !== undefined) inbox.named(reply_to);
      const lines = receipts.map(({ to, detail }) => (receipts.length === 1 ? detail : `${to.name}: ${detail}`));
      return { text: `${message_id}: ${lines.join('\n')}`, data: { message_id, receipts } };
    },
  }),
  tool({
    name: 'check_messages',
    title: 'Check messages',
    description: 'Shows waiting messages now. With message_id: shows that message again (offset: from that byte on).',
    input: z.object({ message_id: Id.optional(), offset: z.number().int().min(0).optional() }),
    readOnly: true,
    alwaysLoad: true,
    run: async ({ message_id, offset }, { call, inbox }) => {
      if (message_id !== undefined) {
        const { message } = await call('readMessage', { message_id });
        const { rendered, text, next } = partOf(message, offset ?? 0, TOOL_RESPONSE_MAX_BYTES);
        const data = { message: { ...message, text }, next_offset: next };
        // a later part shows no message that was not shown before
        if (offset) return { text: rendered, data };
        inbox.show(message_id);
        return { text: rendered, data, shows: [message] };
      }
      const { peer } = await call('whoami', {});
      // the mailbox knows of mail that has not reached this process yet
      const text =
        peer.unread === 0 || inbox.has(() => true) ? '' : `${peer.unread} on the way; check again in a moment.`;
      return {
        text: text || (inbox.has(() => true) ? 'Your messages:' : 'No new messages.'),
        data: { unread: peer.unread },
        take: { notices: NOTICES_WHEN_ASKED },
      };
    },
  }),
  tool({
    name: 'wait_for_messages',
    title: 'Wait for messages',
    description:
      'Returns as soon as a message arrives (optionally only one from a peer or in a conversation), or after timeout_s.',
    input: z.object({
      timeout_s: z.number().positive().default(WAIT_DEFAULT_S),
      from: PeerRef.optional().describe('name or id'),
      conversation: Id.optional().describe('id of the message that began it'),
    }),
    readOnly: true,
    alwaysLoad: true,
    run: async ({ timeout_s, from, conversation }, { waitForMessage, maxWaitS }) => {
      const wait = Math.min(timeout_s, maxWaitS);
      const matches = (message: InboxMessage) =>
        (from === undefined || isFrom(message, from)) &&
        (conversation === undefined || message.conversation_id === conversation);
      const came = await waitForMessage(matches, wait * 1000);
      return {
        text: came ? 'A message arrived:' : `No such message within ${wait} s.`,
        data: { arrived: came },
        take: { awaited: matches },
      };
    },
  }),
  tool({
    name: 'message_status',
    title: 'Message status',
    description:
      'Where a message you sent stands: queued, leased, pushed, confirmed (the model has it) or orphaned, with times.',
    input: z.object({ message_id: Id }),
    readOnly: true,
    alwaysLoad: false,
    run: async ({ message_id }, { call }) => {
      const status = await call('messageStatus', { message_id });
      return { text: status.deliveries.map(deliveryLine).join('\n'), data: { status } };
    },
  }),
];
