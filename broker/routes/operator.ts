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
  const { store, clock, config, log } = deps;
  return {
    brokerStatus: async ({ include_offline }, call) => {
      const me = call.person().peer_id;
      const facts = await store.facts();
      return store.read(async (u) => ({
        version: VERSION,
        runtime: runtime(),
        pid: process.pid,
        port: config.port,
        started_at: new Date(deps.started_at).toISOString(),
        uptime_s: Math.max(0, Math.round((clock.now() - deps.started_at) / 1000)),
        database: { path: config.db, ...facts },
        counts: await u.retention.counts(),
        operator_unread: await u.mailbox.unread(me),
        peers: (await u.peers.list({ include_offline })).filter(({ id }) => id !== me).map(publicPeer),
      }));
    },

    operatorInbox: async ({ confirm, limit }, call) => {
      const me = call.person().peer_id;
      if (confirm.length > 0) await store.note((u) => u.mailbox.readByHuman(me, confirm));
      return store.read(async (u) => ({
        messages: await u.mailbox.peek(me, limit),
        unread: await u.mailbox.unread(me),
      }));
    },

    orphanedMessages: async ({ limit }) => store.read((u) => u.orphans.list(config.undeliveredMs, limit)),

    requeueMessages: async ({ message_id, from_peer, to }) => {
      const target = await getPeer(store, to);
      const from = from_peer === undefined ? undefined : (await getPeer(store, from_peer)).id;
      const what = message_id === undefined ? { orphans_of: from ?? '' } : { message_id, from };
      const done = await store.write((u) => u.orphans.requeue(what, target.id));
      if ('ambiguous' in done) {
        throw new PeersError(
          'invalid_request',
          `Message ${JSON.stringify(message_id)} waits for several peers: ${done.ambiguous.join(', ')}.`,
          'Say from which of them it is to be moved: --from <peer>.',
        );
      }
      const message_ids = done.moved;
      if (message_id !== undefined && message_ids.length === 0) {
        throw new PeersError(
          'message_not_found',
          `Message ${JSON.stringify(message_id)} does not wait for anybody else.`,
          'Only unconfirmed messages can be requeued; orphaned-messages lists them.',
        );
      }
      log.info({ message_ids, to: target.name }, 'requeued');
      return { moved: message_ids.length, to: { id: target.id, name: target.name, kind: target.kind }, message_ids };
    },

    recentMessages: async ({ after_seq, limit }) => ({
      messages: await store.read((u) => u.messages.recent(after_seq, limit)),
    }),

    peerOfConversation: async ({ conversation }) => {
      const peer = await store.read((u) => u.registering.peerOfConversation(conversation));
      return { peer: peer === undefined ? null : publicPeer(peer) };
    },

    stopBroker: async ({ reason }) => {
      deps.stop(reason === '' ? 'asked to stop' : reason);
      return { pid: process.pid };
    },
  };
}
