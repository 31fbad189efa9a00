/** Whatever listens where Codex's daemon should: the session closes the connection and lives on. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { AppServer } from '../../session/push/app-server.ts';

it.each([
  ['no JSON', 'hello'],
  ['no object', 'null'],
  ['9 MB', JSON.stringify({ method: 'x'.repeat(9 * 1024 * 1024) })],
])('closes the connection to a daemon that sends %s', async (_what, text) => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-app-'));
  const http = createServer();
  onTestFinished(() => {
    http.close();
    rmSync(folder, { recursive: true });
  });
  new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket) => {
    socket.on('message', (data) => {
      const { id } = JSON.parse(String(data)) as { id?: number };
      // it begins like the real one
      socket.send(id === undefined ? text : JSON.stringify({ id, result: {} }));
    });
  });
  http.listen(join(folder, 's.sock'));
  await once(http, 'listening');
  const server = await AppServer.connect(join(folder, 's.sock'), () => {});
  await server.closed;
  await expect(server.call('thread/loaded/list', {})).rejects.toThrow('app-server');
});
