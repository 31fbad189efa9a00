/** The toolsets, and which of them a session offers. */
import { messageTools } from './messages.ts';
import { peerTools } from './peers.ts';
import type { Tool } from './tool.ts';

export const TOOLSETS: Readonly<Record<string, readonly Tool[]>> = {
  core: [...peerTools, ...messageTools],
};
