/** The contract's types alone, for code that validates nothing. */
export type { Activity, Intent, PeerKind, PeerShort, PeerStatus, Priority, PushRoute, Scope } from './common.ts';
export type { BrokerEvent, EventKind } from './events.ts';
export type { Confirmation, InboxMessage, PushNote, SessionEvidence } from './inbox.ts';
export type { OperationName, ParsedRequest, Request, Response } from './index.ts';
export type { Delivery, Evidence, MessageState, Receipt } from './messages.ts';
export type { Orphan, RecentMessage } from './operator.ts';
export type { Peer } from './peers.ts';
export type { Conversation } from './sessions.ts';
