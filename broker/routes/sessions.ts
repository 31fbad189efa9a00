/** Sessions: prove, register, bind, report, close. */
import { NAME_PATTERN } from '../../shared/contract/common.ts';
import type { Conversation } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import { rawText } from '../../shared/peer-text.ts';
import { isRunning } from '../../shared/process-identity.ts';
import { brokerProof, hashToken, newToken } from '../../shared/secret.ts';
import { cleanLine } from '../../shared/text.ts';
import { VERSION } from '../../shared/version.ts';
import type { Auth } from '../auth.ts';
import { assertName, randomName } from '../core/names.ts';
import type { Deps, Handlers } from '../deps.ts';
import { tellWatchers } from '../idle-watch.ts';
import type { PeerRecord } from '../store/common.ts';
import type { IsLive } from '../store/registering.ts';

type Names = 'hello' | 'registerSession' | 'bindConversation' | 'reportSession' | 'closeSession';

/** Without what only the rules need. */
export function publicPeer({ last_seen_at: _, person_id: __, ...peer }: PeerRecord) {
  return peer;
}

export function sessionHandlers(deps: Deps, auth: Auth): Handlers<Names> {
  const { store, ids, presence, log } = deps;

  /** Of another machine nothing is known but whether a broker holds its connection. */
  const is_live: IsLive = ({ id, host, pid, detached_at }) =>
    presence.isHeld(id) || (rawText(host) === deps.host ? isRunning(pid) : detached_at === null);

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

    registerSession: async (request, call) => {
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
      const registration = {
        ...request,
        session_id: ids.session(),
        token_hash: hashToken(token),
        new_peer_id: ids.peer(),
        person_id: call.person().id,
        // nobody ever shows the one that is made up here
        credential_hash: hashToken(credential ?? newToken()),
        wanted_name: request.name,
        fallback_name: randomName,
        earlier_peer_id: request.peer_id,
        conversation,
        is_live,
      };
      const { peer, session, attachment, resumed, superseded } = await store.write((u) =>
        u.registering.register(registration),
      );
      presence.registered(session, attachment);
      log.info(
        {
          session_id: session.id,
          peer: peer.name,
          kind,
          client: { name: cleanLine(request.client.name), version: cleanLine(request.client.version) },
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
      const session_id = call.session().id;
      const binding = {
        session_id,
        conversation,
        credential_hash: credential === undefined ? undefined : hashToken(credential),
        is_live,
      };
      const { peer, allowed, adopted } = await store.write((u) => u.registering.bind(binding));
      if (!allowed) refused(session_id, conversation);
      auth.forget(session_id);
      if (adopted) log.info({ session_id, peer: peer.name }, 'session adopted the peer of its conversation');
      return { peer: publicPeer(peer), allowed, adopted };
    },

    reportSession: async ({ push_route, activity, branch }, call) => {
      const { id, peer_id } = call.session();
      await store.note(async (u) => {
        await u.sessions.update(id, {
          ...(push_route === undefined ? {} : { push_route }),
          ...(activity === undefined ? {} : { activity }),
          ...(branch === undefined ? {} : { branch }),
        });
        if (activity === 'idle') await tellWatchers(u, peer_id, 'idle', ids);
      });
      return {};
    },

    closeSession: async ({ unseen }, call) => {
      const { id, peer_id } = call.session();
      await store.write(async (u) => {
        await u.sessions.end(id, 'closed', unseen);
        await tellWatchers(u, peer_id, 'offline', ids);
      });
      log.info({ session_id: id }, 'session closed');
      return {};
    },
  };
}
