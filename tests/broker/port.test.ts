/** The port is held by something else: one clear error, which names the variable to set. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { Finding } from '../../cli/doctor/finding.ts';
import { startBroker } from '../../shared/start-broker.ts';
import { outcome } from '../cli/helpers.ts';
import { RUNTIMES, Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const BOXES: Sandbox[] = [];
const SERVERS: Server[] = [];
afterAll(async () => {
  for (const server of SERVERS) server.close();
  await Promise.all(BOXES.map((box) => box.close()));
});

/** Silence proves nothing: a broker that is stopped is silent too. */
const LISTENERS: Record<string, { listen: () => Server; code: 'port_in_use' | 'broker_unresponsive' }> = {
  'a server that sends a banner': {
    listen: () => createServer((socket) => socket.on('error', () => {}).write('220 mail ready\r\n')),
    code: 'port_in_use',
  },
  'a web server': {
    listen: () =>
      createHttpServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>')),
    code: 'port_in_use',
  },
  'a web server that answers everything with JSON': {
    listen: () => createHttpServer((_, response) => response.writeHead(200, { 'content-length': '2' }).end('{}')),
    code: 'port_in_use',
  },
  'a server that never answers': {
    listen: () => createServer((socket) => socket.on('error', () => {}).resume()),
    code: 'broker_unresponsive',
  },
  'a server that hangs up': {
    listen: () => createServer((socket) => socket.on('error', () => {}).destroy()),
    code: 'port_in_use',
  },
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
  async (_, { listen, code }) => {
    const { box } = await hold(listen);
    const start = performance.now();
    const started = startBroker(RUNTIMES.node.entry('broker'), box.env);
    await expect(started).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`Port ${box.location.port}`),
      hint: expect.stringContaining('AGENT_PEERS_PORT'),
    });
    expect(performance.now() - start).toBeLessThan(12_000);
  },
);

it("a session's tools say so and name AGENT_PEERS_PORT, or wait, and work once the port is free", {
  timeout: 90_000,
}, async () => {
  const held = await Promise.all(
    Object.values(LISTENERS).map(async ({ listen, code }) => {
      const { box, server } = await hold(listen);
      return { box, server, code, session: await box.session({ name: 'ann' }) };
    }),
  );
  await Promise.all(
    held.map(async ({ box, server, code, session }) => {
      const first = session.tool('whoami');
      if (code === 'broker_unresponsive') {
        // it may be a broker that goes on in a moment: the call waits, and is answered when one is there
        await until(() => session.stderr.includes(`"${code}"`));
        server.close();
        expect(await first).toMatchObject({ isError: false });
      } else {
        const refused = await first;
        expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining(`Error ${code}: `)]);
        expect(refused.text).toContain('AGENT_PEERS_PORT');
        expect(refused.text).toContain(String(box.location.port));
        server.close();
      }
      const healed = await until(async () => {
        const answer = await session.tool('whoami');
        return !answer.isError && answer;
      });
      expect(healed.text).toContain('ann [claude]');
    }),
  );
});

it('a broker of another AGENT_PEERS_HOME: everything says whose it is and what to do, and works once it has ended', async () => {
  const box = await Sandbox.create();
  BOXES.push(box);
  await box.broker();
  const own = { AGENT_PEERS_HOME: join(box.home, 'own') };
  const run = (...args: string[]) => outcome(box.spawn('cli', args, { env: own }));
  for (const args of [['status', '--start'], ['status'], ['kill-broker'], ['send', 'ann', 'hello'], ['inbox']]) {
    const { code, stdout, stderr } = await run(...args);
    expect([args, code, stdout]).toEqual([args, 5, '']);
    expect(stderr).toContain(`error: The broker on port ${box.location.port} is not yours`);
    expect(stderr).toMatch(/hint: .*AGENT_PEERS_PORT.*AGENT_PEERS_HOME/);
  }
  const session = await box.session({ name: 'ann', env: own });
  expect((await session.tool('whoami')).text).toContain('Error broker_unproven: ');
  // nothing made a secret, which would look as if that broker had lost its own
  expect(existsSync(join(own.AGENT_PEERS_HOME, 'secret'))).toBe(false);

  const { findings } = JSON.parse((await run('doctor', '--json')).stdout) as { findings: Finding[] };
  const unproven = findings.find(({ text }) => text.includes('is not yours'));
  expect(unproven).toMatchObject({
    area: 'broker',
    level: 'error',
    remedy: expect.stringContaining('AGENT_PEERS_PORT'),
  });
  const other = findings.find(({ text }) =>
    text.includes(`another broker of yours runs on port ${box.location.port}:`),
  );
  const remedy = /run: AGENT_PEERS_HOME=(\S+) AGENT_PEERS_PORT=(\d+) agent-peers kill-broker$/.exec(
    other?.remedy ?? '',
  );
  expect(remedy?.slice(1)).toEqual([box.location.home, String(box.location.port)]);
  // and what it says works
  const ended = await outcome(box.spawn('cli', ['kill-broker'], { env: { AGENT_PEERS_HOME: remedy?.[1] ?? '' } }));
  expect(ended.code).toBe(0);
  await until(async () => !(await session.tool('whoami')).isError);
  await session.end();
  expect((await run('kill-broker')).code).toBe(0);
});
