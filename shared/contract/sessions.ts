/** Sessions: one live MCP server attached to a peer. */
import * as z from 'zod';
import { CONVERSATION_ID_MAX_CHARS, REGISTRATION_MAX_CHARS } from '../limits.ts';
import { peerText } from '../peer-text.ts';
import { Activity, Id, ofPeer, PeerKind, PushRoute } from './common.ts';
import { operation } from './operation.ts';
import { Peer } from './peers.ts';

/** The client's own conversation, by which a resumed session finds its peer again. */
export const Conversation = z.object({
  client: z.enum(['claude', 'codex', 'other']),
  id: z.string().min(1).max(CONVERSATION_ID_MAX_CHARS),
});
export type Conversation = z.infer<typeof Conversation>;

/** A value of the caller's own that nobody can guess. The broker keeps its hash. */
const Credential = z.string().min(1).max(128);

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
      name: z.string().max(REGISTRATION_MAX_CHARS.name).optional(),
      /** Peers are found again, by name or by conversation, by whoever shows the same credential. */
      credential: Credential.optional(),
      /** The peer that this process served before; it is that peer again, unless another session serves it now. */
      peer_id: Id.optional(),
      /** Counts with a credential only, and only for a client of the session's own kind. */
      conversation: Conversation.optional(),
      /** Random, one per process: tells a reconnecting process from a new one. */
      process: z.string().min(8).max(64),
      pid: z.number().int(),
      host: ofPeer(z.string().max(REGISTRATION_MAX_CHARS.host)),
      cwd: ofPeer(z.string().max(REGISTRATION_MAX_CHARS.path)),
      repo: ofPeer(z.string().max(REGISTRATION_MAX_CHARS.path)).default(peerText('')),
      branch: ofPeer(z.string().max(REGISTRATION_MAX_CHARS.branch)).default(peerText('')),
      client: z.object({
        name: z.string().max(REGISTRATION_MAX_CHARS.clientName),
        version: z.string().max(REGISTRATION_MAX_CHARS.clientVersion),
      }),
      push_route: PushRoute,
    }),
    response: z.object({
      session_id: Id,
      token: z.string(),
      peer: Peer,
      /** This peer existed before. */
      resumed: z.boolean(),
    }),
  }),
  bindConversation: operation({
    path: '/v1/sessions/bind',
    caller: 'session',
    summary: 'Says which conversation of the client this session serves; it becomes the peer of that conversation.',
    request: z.object({
      conversation: Conversation,
      /** The one that the session registered with: its token alone moves it to no other peer. */
      credential: Credential.optional(),
    }),
    response: z.object({
      peer: Peer,
      /** False where the credential or the kind of client is not the session's own: it stays the peer that it is. */
      allowed: z.boolean(),
      /** The session is another peer than before. */
      adopted: z.boolean(),
    }),
  }),
  reportSession: operation({
    path: '/v1/sessions/report',
    caller: 'session',
    summary: 'Changes what is known of the session; fields left out stay.',
    request: z.object({
      push_route: PushRoute.optional(),
      activity: Activity.optional(),
      branch: ofPeer(z.string().max(REGISTRATION_MAX_CHARS.branch)).optional(),
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
