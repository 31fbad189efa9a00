/** How peers are shown: one line each, the same wherever a command lists them. */
import type { Response } from '../shared/contract/index.ts';
import { forTerminalLine, isEmpty } from '../shared/peer-text.ts';
import type { Context } from './context.ts';
import { type Column, table } from './table.ts';
import { ago } from './times.ts';
import { cut } from './width.ts';

type Peer = Response<'listPeers'>['peers'][number];

const FOLDER_MAX_COLUMNS = 32;

/** What matters first when somebody wants to reach the peer. */
function stateOf(peer: Peer): string {
  if (!peer.online) return 'offline';
  if (peer.status !== 'active') return peer.status;
  return peer.activity === 'unknown' ? 'online' : peer.activity;
}

function aboutOf(peer: Peer): string {
  const note = isEmpty(peer.status_message) ? '' : `[${forTerminalLine(peer.status_message)}]`;
  const parts = [note, forTerminalLine(peer.summary), ...peer.tags.map((tag) => `#${tag}`)];
  return parts.filter((part) => part !== '').join(' ');
}

/** The path with the user's home as ~. */
export function folder(path: string, home: string | undefined): string {
  return home && (path === home || path.startsWith(`${home}/`)) ? `~${path.slice(home.length)}` : path;
}

export function peerTable(peers: readonly Peer[], context: Context): string {
  const { io, colors, width } = context;
  const now = io.now();
  const paintState = (text: string, peer: Peer) => {
    if (!peer.online) return colors.dim(text);
    return peer.status === 'dnd' ? colors.red(text) : colors.green(text);
  };
  const folderOf = (peer: Peer) => {
    const path = folder(forTerminalLine(peer.cwd), io.env['HOME']);
    // the end of a path says more than its beginning
    return width === undefined ? path : cut(path, FOLDER_MAX_COLUMNS, 'end');
  };
  const columns: Column<Peer>[] = [
    { head: 'NAME', cell: (peer) => peer.name, paint: (text, peer) => (peer.online ? colors.bold(text) : text) },
    { head: 'KIND', cell: (peer) => peer.kind, spare: 1 },
    { head: 'STATE', cell: stateOf, paint: paintState },
    { head: 'MAIL', cell: (peer) => (peer.unread === 0 ? '-' : String(peer.unread)), spare: 2 },
    { head: 'SEEN', cell: (peer) => ago(peer.last_seen, now), spare: 3 },
    { head: 'FOLDER', cell: folderOf, spare: 4 },
    { head: 'BRANCH', cell: (peer) => (isEmpty(peer.branch) ? '-' : peer.branch), spare: 5 },
    { head: 'PUSH', cell: (peer) => peer.push_route, spare: 6 },
    { head: 'ID', cell: (peer) => peer.id, spare: 7 },
    { head: 'ABOUT', cell: aboutOf },
  ];
  return table(columns, peers, context);
}
