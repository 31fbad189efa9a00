/** Sessions: one live MCP server attached to a peer. */
import * as z from 'zod';
import { peerText } from '../peer-text.ts';
import { Activity, Id, ofPeer, PeerKind, PushRoute } from './common.ts';
import { operation } from './operation.ts';
import { Peer } from './peers.ts';

/** The client's own conversation, by which a resumed session finds its peer again. */
export const Conversation = z.object({ client: z.enum(['claude', 'codex', 'other']), id: z.string().min(1).max(128) });
export type Conversation = z.infer<typeof Conversation>;

export const sessions = {
  hello: operation({
    path: '/v1/hello',
    caller: 'anyone',
    summary: 'Proves, by an HMAC over the nonce, that this broker knows the secret of its user.',
    request: z.object({ nonce: z.string().min(16).max(128) }),
    response: z.object({
      service: z.literal('agent-peers'),
      version: z.string(),
      proof: z.string(),
      pid: z.number().int(),
      /** It is finishing what it has and takes nothing new; a successor may take the port soon. */
      draining: z.boolean(),
    }),
  }),
  registerSession: operation({
    path: '/v1/sessions/register',
    caller: 'machine',
    summary: 'Attaches a session to the peer it was before, or to a new one.',
    request: z.object({
      kind: PeerKind,
      /** `PEER_NAME`; without it a new peer gets a random name. */
      name: z.string().max(200).optional(),
      /** What earlier registrations under this name gave out, best first. */
      credentials: z
        .array(z.object({ peer_id: Id, credential: z.string().max(128) }))
        .max(64)
        .default([]),
      conversation: Conversation.optional(),
      /** Random, one per process: tells a reconnecting process from a new one. */
      process: z.string().min(8).max(64),
      pid: z.number().int(),
      host: ofPeer(z.string().max(255)),
      cwd: ofPeer(z.string().max(4096)),
      repo: ofPeer(z.string().max(4096)).default(peerText('')),
      branch: ofPeer(z.string().max(255)).default(peerText('')),
      client: z.object({ name: z.string().max(128), version: z.string().max(64) }),
      push_route: PushRoute,
    }),
    response: z.object({
      session_id: Id,
      token: z.string(),
      peer: Peer,
      /** For a new peer: give it back at the next start, under `credentials`, to be this peer again. */
      credential: z.string().nullable(),
      /** This peer existed before. */
      resumed: z.boolean(),
    }),
  }),
  bindConversation: operation({
    path: '/v1/sessions/bind',
    caller: 'session',
    summary: 'Says which conversation of the client this session serves; it becomes the peer of that conversation.',
    request: z.object({ conversation: Conversation }),
    response: z.object({ peer: Peer, adopted: z.boolean() }),
  }),
  reportSession: operation({
    path: '/v1/sessions/report',
    caller: 'session',
    summary: 'Changes what is known of the session; fields left out stay.',
    request: z.object({
      push_route: PushRoute.optional(),
      activity: Activity.optional(),
      branch: ofPeer(z.string().max(255)).optional(),
    }),
    response: z.object({}),
  }),
  closeSession: operation({
    path: '/v1/sessions/close',
    caller: 'session',
    summary: 'Ends the session and gives back its leases.',
    request: z.object({
      /** Messages it held but never showed: they come to the next session as new. */
      unseen: z.array(Id).max(10_000).default([]),
    }),
    response: z.object({}),
  }),
};
