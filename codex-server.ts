#!/usr/bin/env node
/** Entry: the MCP server of one Codex session, and of any other MCP client, over stdio. */
import { serveSession } from './session/main.ts';

await serveSession({ side: 'codex', entryUrl: import.meta.url, env: process.env });
