/** What the human asks for. */
import { PeersError } from '../../shared/errors.ts';
import { VERSION } from '../../shared/version.ts';
import type { Deps, Handlers } from '../deps.ts';
import { getPeer } from './peers.ts';
import { publicPeer } from './sessions.ts';

type Names =
  | 'brokerStatus'
  | 'operatorInbox'
  | 'orphanedMessages'
  | 'requeueMessages'
  | 'recentMessages'
  | 'peerOfConversation'
  | 'stopBroker';

function runtime(): string {
  const bun = process.versions['bun'];
  return bun ? `bun ${bun}` : `node ${process.versions.node}`;
}

export function operatorHandlers(deps: Deps): Handlers<Names> {
  const { store, clock, bus, config, log } = deps;
  return {
    brokerStatus: async ({ include_offline }, call) => {
      const now = clock.now();
      const facts = await store.facts();
      const me = call.actor().peer_id;
      const peers = await store.listPeers({ include_offline });
      return {
        version: VERSION,
        runtime: runtime(),
        pid: process.pid,
        port: config.port,
        started_at: new Date(deps.started_at).toISOString(),
        uptime_s: Math.max(0, Math.round((now - deps.started_at) / 1000)),
        database: { path: config.db, ...facts },
        counts: await store.counts(now),
        operator_unread: await store.unread(me),
        peers: peers.filter(({ id }) => id !== me).map(publicPeer),
      };
    },

    operatorInbox: async ({ confirm, limit }, call) => {
      const me = call.actor().peer_id;
      if (confirm.length > 0) {
        const confirmations = confirm.map((message_id) => ({ message_id, evidence: 'operator' as const }));
        const confirmed = await store.confirm(me, confirmations, clock.now());
        for (const message_id of confirmed) bus.publish({ kind: 'entry', message_id, news: { state: 'confirmed' } });
      }
      return { messages: await store.peekMailbox(me, limit), unread: await store.unread(me) };
    },

    orphanedMessages: async ({ limit }) => store.listOrphans(clock.now(), config.undeliveredMs, limit),

    requeueMessages: async ({ message_id, from_peer, to }) => {
      const target = await getPeer(store, to);
      const what = message_id === undefined ? { peer_id: (await getPeer(store, from_peer ?? '')).id } : { message_id };
      const message_ids = await store.requeue(what, target.id, clock.now());
      if (message_id !== undefined && message_ids.length === 0) {
        throw new PeersError(
          'message_not_found',
          `Message ${JSON.stringify(message_id)} does not wait for anybody else.`,
          'Only unconfirmed messages can be requeued; orphaned-messages lists them.',
        );
      }
      bus.publish({ kind: 'mail', peer_id: target.id });
      log.info({ message_ids, to: target.name }, 'requeued');
      return { moved: message_ids.length, to: { id: target.id, name: target.name, kind: target.kind }, message_ids };
    },

    recentMessages: async ({ after_seq, limit }) => ({ messages: await store.recentMessages(after_seq, limit) }),

    peerOfConversation: async ({ conversation }) => {
      const peer = await store.peerOfConversation(conversation);
      return { peer: peer === undefined ? null : publicPeer(peer) };
    },

    stopBroker: async ({ reason }) => {
      deps.stop(reason === '' ? 'asked to stop' : reason);
      return { pid: process.pid };
    },
  };
}
