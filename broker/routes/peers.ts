/** Peers: list, describe, rename. */
import { PeersError } from '../../shared/errors.ts';
import { nearestNames } from '../core/names.ts';
import { inScope } from '../core/scopes.ts';
import type { Call, Deps, Handlers } from '../deps.ts';
import type { PeerRecord } from '../store/common.ts';
import type { Store } from '../store/store.ts';
import { publicPeer } from './sessions.ts';

type Names = 'listPeers' | 'whoami' | 'updatePeer' | 'watchIdle' | 'renamePeer';

export function peerNotFound(ref: string, names: readonly string[]): PeersError {
  const near = nearestNames(ref, names);
  return new PeersError(
    'peer_not_found',
    `No peer is called ${JSON.stringify(ref)}.`,
    near.length > 0
      ? `Did you mean ${near.join(', ')}?`
      : 'List the peers for their names; include_offline shows those that are away.',
  );
}

/** @throws PeersError `peer_not_found` with the nearest names */
export async function getPeer(store: Store, ref: string): Promise<PeerRecord> {
  const { peer, names } = await store.read(async (u) => {
    const peer = await u.peers.find(ref);
    return { peer, names: peer ? [] : await u.peers.names() };
  });
  if (!peer) throw peerNotFound(ref, names);
  return peer;
}

async function self(store: Store, call: Call): Promise<PeerRecord> {
  return getPeer(store, call.actor().peer_id);
}

export function peerHandlers({ store, log }: Deps): Handlers<Names> {
  return {
    listPeers: async ({ scope, peer_type, tag, include_offline }, call) => {
      const me = await self(store, call);
      const all = await store.read((u) => u.peers.list({ include_offline, ...(peer_type ? { kind: peer_type } : {}) }));
      const seen = all.filter(
        (peer) =>
          peer.id !== me.id &&
          // the human works on the machine, not in one directory of it
          (me.kind === 'human' || peer.kind === 'human' ? scope === 'machine' : inScope(scope, me, peer)) &&
          (tag === undefined || peer.tags.includes(tag)),
      );
      return { peers: seen.map(publicPeer) };
    },

    whoami: async (_, call) => ({ peer: publicPeer(await self(store, call)) }),

    updatePeer: async ({ summary, summary_source, tags, status, status_message }, call) => {
      const changes = {
        ...(summary === undefined ? {} : { summary, summary_source }),
        ...(tags === undefined ? {} : { tags }),
        ...(status === undefined ? {} : { status }),
        ...(status_message === undefined ? {} : { status_message }),
      };
      const peer = await store.write((u) => u.peers.update(call.actor().peer_id, changes));
      return { peer: publicPeer(peer) };
    },

    watchIdle: async ({ peer: ref }, call) => {
      const peer = await getPeer(store, ref);
      const watching = peer.online && peer.activity !== 'idle';
      if (watching) await store.write((u) => u.idleWatches.add(peer.id, call.actor().peer_id));
      return { peer: publicPeer(peer), watching };
    },

    renamePeer: async ({ new_name, peer: ref }, call) => {
      const actor = call.actor();
      if (ref !== undefined && actor.is !== 'operator') {
        throw new PeersError(
          'not_yours',
          'Only the operator may rename another peer.',
          'Leave out peer to rename yourself.',
        );
      }
      const peer = ref === undefined ? await self(store, call) : await getPeer(store, ref);
      const renamed = await store.write((u) => u.peers.rename(peer.id, new_name));
      if (!renamed) {
        throw new PeersError('name_taken', `Another peer is called ${new_name}.`, 'Choose another name.');
      }
      log.info({ peer_id: peer.id, from: peer.name, to: renamed.name }, 'peer renamed');
      return { peer: publicPeer(renamed), old_name: peer.name };
    },
  };
}
