#!/usr/bin/env node
/** Entry: the MCP server of one Claude Code session, over stdio. */
import { serveSession } from './session/main.ts';

await serveSession({ side: 'claude', entryUrl: import.meta.url, env: process.env });
