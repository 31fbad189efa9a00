/**
 * Starts the MCP server of the package this plugin came with. Claude Code copies an installed plugin away from its
 * package: then it is the package whose command `agent-peers` stands on PATH.
 */
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SERVER = 'claude-server.js';

/** @returns {string[]} */
function folders() {
  const beside = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
  const onPath = (process.env['PATH'] ?? '').split(delimiter).flatMap((folder) => {
    const command = join(folder, 'agent-peers');
    // a relative folder would be one of the folder that the session works in
    return isAbsolute(folder) && existsSync(command) ? [dirname(realpathSync(command))] : [];
  });
  return [beside, ...onPath];
}

const server = folders()
  .map((folder) => join(folder, SERVER))
  .find((path) => existsSync(path));

if (server === undefined) {
  process.stderr.write('agent-peers is not installed. Run: npm install --global agent-peers-mcp\n');
  process.exitCode = 1;
} else {
  await import(pathToFileURL(server).href);
}
