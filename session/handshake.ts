/** The answer to `initialize`, known before anything else is loaded. A test holds it equal to the protocol library's own. */
import { VERSION } from '../shared/version.ts';
import { instructions } from './instructions.ts';

/** What the library at the pinned version supports, newest first; a test compares the two. */
export const PROTOCOL_VERSIONS: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
];

export const SERVER_INFO = { name: 'agent-peers', version: VERSION };

export interface Offer {
  /** Without the idle switch's consent the server offers nothing. */
  readonly enabled: boolean;
  /** Claude Code registers a server as a channel by this capability. */
  readonly channel: boolean;
}

export function serverOptions({ enabled, channel }: Offer) {
  return {
    capabilities: {
      ...(enabled ? { tools: {} } : {}),
      ...(enabled && channel ? { experimental: { 'claude/channel': {} } } : {}),
    },
    ...(enabled ? { instructions: instructions() } : {}),
  };
}

export function initializeResult(params: Record<string, unknown>, offer: Offer): object {
  const asked = params['protocolVersion'];
  const protocolVersion = PROTOCOL_VERSIONS.find((version) => version === asked) ?? PROTOCOL_VERSIONS[0];
  const { capabilities, ...rest } = serverOptions(offer);
  return { protocolVersion, capabilities, serverInfo: SERVER_INFO, ...rest };
}
