/** The toolsets, and which of them a session offers. */
import type { Env } from '../../shared/config.ts';
import type { ClientSide } from '../push/choose.ts';
import { messageTools } from './messages.ts';
import { peerTools, talkTools } from './peers.ts';
import type { Tool } from './tool.ts';

export const TOOLSETS: Readonly<Record<string, readonly Tool[]>> = {
  core: [...peerTools, ...messageTools],
  talk: talkTools,
};

/** Codex sends every schema with every request; Claude Code looks up what it needs. */
const DEFAULTS: Record<ClientSide, readonly string[]> = {
  claude: Object.keys(TOOLSETS),
  codex: ['core', 'talk', 'work'],
};

/**
 * @param env `AGENT_PEERS_TOOLSETS`: names separated by commas, or `all`; core is always among them
 * @returns names of toolsets that exist
 */
export function chosenToolsets(side: ClientSide, env: Env): string[] {
  const asked = env['AGENT_PEERS_TOOLSETS']?.split(',').map((name) => name.trim().toLowerCase());
  const wanted = asked?.includes('all') ? Object.keys(TOOLSETS) : (asked ?? DEFAULTS[side]);
  return Object.keys(TOOLSETS).filter((name) => name === 'core' || wanted.includes(name));
}
