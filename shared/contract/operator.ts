/** What only the human may do: the machine's state, its own mailbox, orphans, stopping the broker. */
import * as z from 'zod';
import { Id, Intent, ofPeer, PeerRef, PeerShort, Priority, Time } from './common.ts';
import { InboxMessage } from './inbox.ts';
import { operation } from './operation.ts';
import { Peer } from './peers.ts';
import { Conversation } from './sessions.ts';

export const Orphan = z.object({
  message_id: Id,
  from: PeerShort,
  to: PeerShort,
  sent_at: Time,
  preview: ofPeer(),
  /** The recipient's last session ended then. */
  offline_since: Time,
  /** It is still delivered, should the recipient return by then; null when that time is over. */
  deliverable_until: Time.nullable(),
});
export type Orphan = z.infer<typeof Orphan>;

/** A message as it went by, for whoever looks on: its beginning, on one line. */
export const RecentMessage = z.object({
  /** Later messages have larger numbers. */
  seq: z.number().int(),
  message_id: Id,
  from: PeerShort,
  to: z.array(PeerShort),
  sent_at: Time,
  reply_to: Id.nullable(),
  intent: Intent,
  priority: Priority,
  preview: ofPeer(),
});
export type RecentMessage = z.infer<typeof RecentMessage>;

export const operator = {
  brokerStatus: operation({
    path: '/v1/operator/status',
    caller: 'operator',
    summary: 'The broker, its database and everybody in it.',
    request: z.object({ include_offline: z.boolean().default(false) }),
    response: z.object({
      version: z.string(),
      runtime: z.string(),
      pid: z.number().int(),
      port: z.number().int(),
      started_at: Time,
      uptime_s: z.number(),
      database: z.object({
        path: z.string(),
        /** What opens it: `node:sqlite`, for example. */
        driver: z.string(),
        bytes: z.number().int(),
        schema: z.number().int(),
        /** SQL statements kept prepared. */
        statements: z.number().int(),
      }),
      counts: z.object({
        peers: z.number().int(),
        sessions: z.number().int(),
        waiting: z.number().int(),
        confirmed: z.number().int(),
        orphaned: z.number().int(),
      }),
      operator_unread: z.number().int(),
      peers: z.array(Peer),
    }),
  }),
  operatorInbox: operation({
    path: '/v1/operator/inbox',
    caller: 'operator',
    summary: "The operator's waiting messages, oldest first; those named in `confirm` are read.",
    request: z.object({
      confirm: z.array(Id).max(1000).default([]),
      limit: z.number().int().min(1).max(500).default(100),
    }),
    response: z.object({
      messages: z.array(InboxMessage),
      /** All that wait, those returned included. */
      unread: z.number().int(),
    }),
  }),
  orphanedMessages: operation({
    path: '/v1/operator/orphans',
    caller: 'operator',
    summary: 'Messages not confirmed whose recipient has no session any more.',
    request: z.object({ limit: z.number().int().min(1).max(1000).default(200) }),
    response: z.object({ orphans: z.array(Orphan), total: z.number().int() }),
  }),
  requeueMessages: operation({
    path: '/v1/operator/requeue',
    caller: 'operator',
    summary:
      "Moves an unconfirmed message, or all orphans of one peer, to another peer's mailbox. A message that waits for several needs both.",
    request: z
      .object({ message_id: Id.optional(), from_peer: PeerRef.optional(), to: PeerRef })
      .refine((r) => r.message_id !== undefined || r.from_peer !== undefined, 'give message_id, from_peer, or both'),
    response: z.object({ moved: z.number().int(), to: PeerShort, message_ids: z.array(Id) }),
  }),
  recentMessages: operation({
    path: '/v1/operator/recent',
    caller: 'operator',
    summary: 'The newest messages of everybody, or those after a known one; oldest first. Nothing is marked as read.',
    request: z.object({
      after_seq: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(500).default(50),
    }),
    response: z.object({ messages: z.array(RecentMessage) }),
  }),
  peerOfConversation: operation({
    path: '/v1/operator/peer-of-conversation',
    caller: 'operator',
    summary: "Which peer a client's own conversation is; null where it is none.",
    request: z.object({ conversation: Conversation }),
    response: z.object({ peer: Peer.nullable() }),
  }),
  stopBroker: operation({
    path: '/v1/operator/stop',
    caller: 'machine',
    summary: 'Answers what is under way, then ends the broker. Sessions start a new one when they need it.',
    request: z.object({ reason: z.string().max(200).default('') }),
    response: z.object({ pid: z.number().int() }),
  }),
};
