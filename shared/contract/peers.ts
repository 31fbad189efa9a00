/** Peers: who is there, and what each says of itself. */
import * as z from 'zod';
import { SUMMARY_MAX_CHARS, TAGS_MAX } from '../limits.ts';
import { Activity, Id, ofPeer, PeerKind, PeerName, PeerRef, PeerStatus, PushRoute, Scope, Time } from './common.ts';
import { operation } from './operation.ts';

export const Peer = z.object({
  id: Id,
  name: z.string(),
  kind: PeerKind,
  host: ofPeer(),
  cwd: ofPeer(),
  /** Identity of the repository: the common git folder, the same for all worktrees. Empty outside git. */
  repo: ofPeer(),
  branch: ofPeer(),
  summary: ofPeer(),
  tags: z.array(z.string()),
  status: PeerStatus,
  status_message: ofPeer(),
  /** A session is attached now. */
  online: z.boolean(),
  activity: Activity,
  /** The route by which its session can be reached unasked; `none`: at its next tool call, or offline. */
  push_route: PushRoute,
  last_seen: Time,
  /** Messages not confirmed yet. */
  unread: z.number().int(),
});
export type Peer = z.infer<typeof Peer>;

export const Summary = ofPeer(z.string().trim().max(SUMMARY_MAX_CHARS));
export const Tags = z
  .array(
    z
      .string()
      .trim()
      .regex(/^[\w.:/-]{1,32}$/, 'a tag is 1 to 32 of letters, digits and _ . : / -'),
  )
  .max(TAGS_MAX);
export const StatusMessage = ofPeer(z.string().trim().max(120));

export const peers = {
  listPeers: operation({
    path: '/v1/peers/list',
    caller: 'peer',
    summary: 'Other peers in a scope, live ones first.',
    request: z.object({
      scope: Scope.default('machine'),
      peer_type: PeerKind.optional(),
      tag: z.string().max(32).optional(),
      include_offline: z.boolean().default(false),
    }),
    response: z.object({ peers: z.array(Peer) }),
  }),
  whoami: operation({
    path: '/v1/peers/self',
    caller: 'session',
    summary: 'The caller as others see it.',
    request: z.object({}),
    response: z.object({ peer: Peer }),
  }),
  updatePeer: operation({
    path: '/v1/peers/update',
    caller: 'session',
    summary: 'Changes what the caller says of itself; fields left out stay.',
    request: z.object({
      summary: Summary.optional(),
      /** An automatic summary never replaces one that the agent wrote. */
      summary_source: z.enum(['agent', 'auto']).default('agent'),
      tags: Tags.optional(),
      status: PeerStatus.optional(),
      status_message: StatusMessage.optional(),
    }),
    response: z.object({ peer: Peer }),
  }),
  watchIdle: operation({
    path: '/v1/peers/watch-idle',
    caller: 'session',
    summary: 'Asks for one message when a peer falls idle or leaves. Nothing is asked of one that is idle or away now.',
    request: z.object({ peer: PeerRef }),
    response: z.object({ peer: Peer, watching: z.boolean() }),
  }),
  renamePeer: operation({
    path: '/v1/peers/rename',
    caller: 'peer',
    summary: 'Gives the caller a new name; the operator may name another peer in `peer`.',
    request: z.object({ new_name: PeerName, peer: PeerRef.optional() }),
    response: z.object({ peer: Peer, old_name: z.string() }),
  }),
};
