/** Sessions: prove, register, bind, report, close. */
import { NAME_PATTERN } from '../../shared/contract/common.ts';
import type { Conversation } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import { isRunning } from '../../shared/process-identity.ts';
import { brokerProof, hashToken, newToken } from '../../shared/secret.ts';
import { VERSION } from '../../shared/version.ts';
import type { Auth } from '../auth.ts';
import { assertName, randomName } from '../core/names.ts';
import type { Deps, Handlers } from '../deps.ts';
import type { IsLive, PeerRecord } from '../store/store.ts';

type Names = 'hello' | 'registerSession' | 'bindConversation' | 'reportSession' | 'closeSession';

/** Without what only the rules need. */
export function publicPeer({ last_seen_at: _, ...peer }: PeerRecord) {
  return peer;
}

export function sessionHandlers(deps: Deps, auth: Auth): Handlers<Names> {
  const { store, clock, ids, presence, newestRequests, bus, log } = deps;

  const ended = (session_id: string) => {
    auth.forget(session_id);
    presence.forget(session_id);
    newestRequests.forget(session_id);
    bus.publish({ kind: 'session-ended', session_id });
  };

  const is_live: IsLive = ({ id, pid }) => presence.isHeld(id) || isRunning(pid);

  /** The session stays the peer that it is: no error, since the caller may go on. */
  const refused = (session_id: string, { client }: Conversation) =>
    log.warn({ session_id, client }, 'conversation without its credential, or of another kind of client: not bound');

  return {
    hello: async ({ nonce }) => ({
      service: 'agent-peers',
      version: VERSION,
      proof: brokerProof(deps.secret, nonce, deps.config.port),
      pid: process.pid,
      draining: deps.stopping.aborted,
    }),

    registerSession: async (request) => {
      if (request.kind === 'human') {
        throw new PeersError(
          'invalid_request',
          'A session cannot be the human.',
          'The human is the operator: use the agent-peers command.',
        );
      }
      if (request.name !== undefined && !NAME_PATTERN.test(request.name)) assertName(request.name);
      const token = newToken();
      const { kind, credential } = request;
      // without a credential nobody could prove later whose conversation it was
      const conversation =
        credential !== undefined && request.conversation?.client === kind ? request.conversation : undefined;
      const { peer, session, resumed, superseded } = await store.registerSession(
        {
          ...request,
          session_id: ids.session(),
          token_hash: hashToken(token),
          new_peer_id: ids.peer(),
          // nobody ever shows the one that is made up here
          credential_hash: hashToken(credential ?? newToken()),
          wanted_name: request.name,
          fallback_name: randomName,
          earlier_peer_id: request.peer_id,
          conversation,
          is_live,
        },
        clock.now(),
      );
      if (superseded) ended(superseded);
      await presence.registered(session.id);
      log.info(
        {
          session_id: session.id,
          peer: peer.name,
          kind,
          client: request.client,
          route: request.push_route,
          pid: request.pid,
          resumed,
          superseded,
        },
        'session registered',
      );
      if (request.conversation && !conversation) refused(session.id, request.conversation);
      return { session_id: session.id, token, peer: publicPeer(peer), resumed };
    },

    bindConversation: async ({ conversation, credential }, call) => {
      const session = call.session();
      const { peer, allowed, adopted, superseded } = await store.bindConversation(
        {
          session_id: session.id,
          conversation,
          credential_hash: credential === undefined ? undefined : hashToken(credential),
          is_live,
        },
        clock.now(),
      );
      if (!allowed) refused(session.id, conversation);
      if (superseded) ended(superseded);
      auth.forget(session.id);
      if (adopted) {
        log.info({ session_id: session.id, peer: peer.name }, 'session adopted the peer of its conversation');
        bus.publish({ kind: 'session-moved', session_id: session.id });
      }
      return { peer: publicPeer(peer), allowed, adopted };
    },

    reportSession: async (changes, call) => {
      const session = call.session();
      const { push_route, activity, branch } = changes;
      await store.updateSession(session.id, {
        ...(push_route === undefined ? {} : { push_route }),
        ...(activity === undefined ? {} : { activity }),
        ...(branch === undefined ? {} : { branch }),
      });
      if (activity === 'idle') void deps.idleWatch.fell(session.peer_id, 'idle');
      return {};
    },

    closeSession: async ({ unseen }, call) => {
      const session = call.session();
      await store.endSession(session.id, 'closed', unseen, clock.now());
      ended(session.id);
      void deps.idleWatch.fell(session.peer_id, 'offline');
      log.info({ session_id: session.id }, 'session closed');
      return {};
    },
  };
}
