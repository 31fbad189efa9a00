/** The port is held by something else: one clear error, which names the variable to set. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { startBroker } from '../../shared/start-broker.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const BOXES: Sandbox[] = [];
const SERVERS: Server[] = [];
afterAll(async () => {
  for (const server of SERVERS) server.close();
  await Promise.all(BOXES.map((box) => box.close()));
});

const LISTENERS: Record<string, () => Server> = {
  'a server that sends a banner': () =>
    createServer((socket) => socket.on('error', () => {}).write('220 mail ready\r\n')),
  'a web server': () =>
    createHttpServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')),
  'a web server that answers everything with JSON': () =>
    createHttpServer((_, response) => response.writeHead(200, { 'content-length': '2' }).end('{}')),
  'a server that never answers': () => createServer((socket) => socket.on('error', () => {}).resume()),
  'a server that hangs up': () => createServer((socket) => socket.on('error', () => {}).destroy()),
};

async function hold(listen: () => Server): Promise<{ box: Sandbox; server: Server }> {
  const box = await Sandbox.create();
  BOXES.push(box);
  const server = listen();
  SERVERS.push(server);
  // whoever still talks to it must not keep the test from ending
  server.on('connection', (socket) => socket.unref());
  server.listen(box.location.port, '127.0.0.1');
  await once(server, 'listening');
  return { box, server };
}

it.concurrent.each(Object.entries(LISTENERS))(
  '%s: starting a broker says so and names AGENT_PEERS_PORT',
  async (_, listen) => {
    const { box } = await hold(listen);
    const start = performance.now();
    const started = startBroker(RUNTIMES.node.entry('broker'), box.env);
    await expect(started).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(`Port ${box.location.port}`),
      hint: expect.stringContaining('AGENT_PEERS_PORT'),
    });
    expect(performance.now() - start).toBeLessThan(12_000);
  },
);

it("a session's tools say so and name AGENT_PEERS_PORT, and work once the port is free", {
  timeout: 90_000,
}, async () => {
  const held = await Promise.all(
    Object.values(LISTENERS).map(async (listen) => {
      const { box, server } = await hold(listen);
      return { box, server, session: await box.session({ name: 'ann' }) };
    }),
  );
  await Promise.all(
    held.map(async ({ box, server, session }) => {
      const refused = await session.tool('whoami');
      expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining('Error port_in_use: ')]);
      expect(refused.text).toContain('AGENT_PEERS_PORT');
      expect(refused.text).toContain(String(box.location.port));
      server.close();
      const healed = await until(async () => {
        const answer = await session.tool('whoami');
        return !answer.isError && answer;
      });
      expect(healed.text).toContain('ann [claude]');
    }),
  );
});
