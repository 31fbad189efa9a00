/** Tools about peers: who is there, and what this one says of itself. */
import * as z from 'zod';
import { PeerKind, PeerName, PeerRef, PeerStatus, Scope } from '../../shared/contract/common.ts';
import { StatusMessage, Summary, Tags } from '../../shared/contract/peers.ts';
import type { Peer } from '../../shared/contract/types.ts';
import { forModelLine, isEmpty } from '../../shared/peer-text.ts';
import { type Tool, tool } from './tool.ts';

function reach(peer: Peer): string {
  if (peer.kind === 'human') return 'reads its inbox now and then';
  if (!peer.online) return `offline, last seen ${peer.last_seen.replace(/\.\d+Z$/, 'Z')}; mail is kept`;
  return peer.push_route === 'none' ? 'reached at its next tool call' : `reached at once (${peer.push_route})`;
}

/** What the broker knows stands in the first line; what the peer says of itself stands behind `> `, one line each. */
function describe(peer: Peer): string {
  const status = peer.status === 'active' ? '' : ` ${peer.status}`;
  const activity = peer.online && peer.activity !== 'unknown' ? ` ${peer.activity}` : '';
  const facts = [`${peer.name} [${peer.kind}]${activity}${status}`, reach(peer), `id ${peer.id}`].join(' | ');
  const said = [peer.status_message, peer.summary].filter((text) => !isEmpty(text));
  return [
    facts,
    ...(isEmpty(peer.cwd) ? [] : [`> ${place(peer)}`]),
    ...(peer.tags.length === 0 ? [] : [`> tags ${peer.tags.join(', ')}`]),
    ...said.map((text) => `> ${forModelLine(text)}`),
  ].join('\n');
}

function place({ cwd, branch }: Peer): string {
  return `${forModelLine(cwd)}${isEmpty(branch) ? '' : ` @ ${forModelLine(branch)}`}`;
}

export const peerTools: readonly Tool[] = [
  tool({
    name: 'list_peers',
    title: 'List peers',
    description:
      'Lists other agents (and the human operator) that you can message: name, kind, status, how they are reached. Behind ">" each says of itself: directory, branch, tags, status note, summary.',
    input: z.object({
      scope: Scope.default('machine').describe('repo includes its worktrees'),
      peer_type: PeerKind.optional(),
      tag: z.string().optional(),
      include_offline: z.boolean().default(false).describe('also those that are away; mail is kept for them'),
    }),
    readOnly: true,
    alwaysLoad: true,
    run: async (input, { call }) => {
      const { peers } = await call('listPeers', input);
      const none = input.include_offline
        ? 'No other agent.'
        : 'No other peer is online; include_offline shows those that are away.';
      const alone = peers.every(({ kind }) => kind === 'human');
      return { text: [...peers.map(describe), ...(alone ? [none] : [])].join('\n'), data: { peers } };
    },
  }),
  tool({
    name: 'whoami',
    title: 'Who am I',
    description: 'Your own name, id, toolsets, push route and unread count, as other peers see you.',
    input: z.object({}),
    readOnly: true,
    alwaysLoad: false,
    run: async (_, { call, self }) => {
      const { peer } = await call('whoami', {});
      const scope = isEmpty(peer.repo) ? peer.cwd : peer.repo;
      const data = { peer, toolsets: self.toolsets, push_route: self.pushRoute };
      const text = [
        `${peer.name} [${peer.kind}] id ${peer.id}`,
        `directory ${place(peer)}; repo scope ${forModelLine(scope)}`,
        `summary ${forModelLine(peer.summary) || '(none)'}; status ${peer.status}; tags ${peer.tags.join(', ') || '(none)'}`,
        `toolsets ${self.toolsets.join(', ')}; push route ${self.pushRoute}; unread ${peer.unread}`,
      ].join('\n');
      return { text, data };
    },
  }),
  tool({
    name: 'set_summary',
    title: 'Set summary',
    description: 'Tells other peers in one line what you work on. Set it when your task changes.',
    input: z.object({ summary: Summary }),
    readOnly: false,
    alwaysLoad: true,
    run: async ({ summary }, { call }) => {
      const { peer } = await call('updatePeer', { summary });
      return { text: 'Summary set.', data: { peer } };
    },
  }),
  tool({
    name: 'set_tags',
    title: 'Set tags',
    description: 'Replaces your tags (roles, topics), by which others filter list_peers.',
    input: z.object({ tags: Tags }),
    readOnly: false,
    alwaysLoad: false,
    run: async ({ tags }, { call }) => {
      const { peer } = await call('updatePeer', { tags });
      return { text: `Tags: ${peer.tags.join(', ') || '(none)'}.`, data: { peer } };
    },
  }),
  tool({
    name: 'set_status',
    title: 'Set status',
    description: 'Sets your availability. dnd: senders are warned that an answer will take a while.',
    input: z.object({ status: PeerStatus, message: StatusMessage.optional() }),
    readOnly: false,
    alwaysLoad: false,
    run: async ({ status, message }, { call, changed }) => {
      const { peer } = await call('updatePeer', {
        status,
        ...(message === undefined ? {} : { status_message: message }),
      });
      changed(peer);
      return { text: `Status: ${peer.status}.`, data: { peer } };
    },
  }),
  tool({
    name: 'rename_peer',
    title: 'Rename yourself',
    description: 'Gives you a new name. Your mailbox and id stay.',
    input: z.object({ new_name: PeerName }),
    readOnly: false,
    alwaysLoad: false,
    run: async ({ new_name }, { call, changed }) => {
      const { peer, old_name } = await call('renamePeer', { new_name });
      changed(peer);
      return { text: `You are ${peer.name} now (were ${old_name}).`, data: { peer, old_name } };
    },
  }),
];

export const talkTools: readonly Tool[] = [
  tool({
    name: 'notify_when_idle',
    title: 'Notify when idle',
    description: 'You get one message when that peer next falls idle or goes offline.',
    input: z.object({ peer: PeerRef.describe('name or id') }),
    readOnly: false,
    alwaysLoad: false,
    run: async ({ peer: ref }, { call }) => {
      const { peer, watching } = await call('watchIdle', { peer: ref });
      const text = watching
        ? `You will get a message when ${peer.name} falls idle.`
        : `${peer.name} is ${peer.online ? 'idle' : 'offline'} now; no message will follow.`;
      return { text, data: { peer, watching } };
    },
  }),
];
