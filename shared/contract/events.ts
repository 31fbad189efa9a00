/** The event log: what happens, in ids and states, never a text. */
import * as z from 'zod';
import { Id, Time } from './common.ts';

const EVENT_KINDS = [
  'peer.registered',
  'peer.renamed',
  'peer.changed',
  'peer.merged',
  'peer.online',
  'peer.offline',
  'peer.busy',
  'peer.idle',
  'message.sent',
  'message.leased',
  'message.pushed',
  'message.push_failed',
  'message.confirmed',
  'message.requeued',
  'message.orphaned',
  'message.expired',
] as const;
export const EventKind = z.enum(EVENT_KINDS);
export type EventKind = z.infer<typeof EventKind>;

export const BrokerEvent = z.object({
  /** Give it back as `Last-Event-ID` to go on after this event. */
  cursor: z.string(),
  at: Time,
  kind: EventKind,
  /** Whom it concerns: the peer itself, or the recipient of a message. */
  peer_id: Id,
  /** The sender of a message; the peer that another was merged into. */
  other_id: Id.nullable(),
  message_id: Id.nullable(),
  /** What is new: the name, the status, the push route, the evidence. */
  state: z.string().nullable(),
});
export type BrokerEvent = z.infer<typeof BrokerEvent>;
