/** A broker that is told to stop: nothing under way is cut off, and a successor takes over without a gap. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { request } from '../helpers/raw-http.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const HOLD_MS = 20_000;

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
});
afterEach(() => box.close());

async function started() {
  const child = box.spawn('broker');
  expect(await startReport(child)).toEqual({ ready: true, pid: child.pid });
  return child;
}

/** A send of which half the body has arrived at the broker. */
async function halfSent(peer: Peer, to: string): Promise<{ socket: Socket; rest: string; answer: Promise<string> }> {
  const { port } = box.location;
  const body = JSON.stringify({ to, message: 'written slowly' });
  const whole = request('/v1/messages/send', {
    headers: { host: `127.0.0.1:${port}`, authorization: `Bearer ${peer.token}` },
    body,
  });
  const cut = whole.length - 5;
  const socket = createConnection({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
  await new Promise<void>((resolve) => socket.write(whole.slice(0, cut), () => resolve()));
  // the broker reads its connections in turn: it has seen the half once it answered somebody else
  await box.client.hello();
  return { socket, rest: whole.slice(cut), answer };
}

describe.each(['SIGTERM', 'SIGINT', 'stopBroker'] as const)('a broker that gets %s', (how) => {
  it('answers what is under way, lets waiting sessions go, and ends with 0', async () => {
    const broker = await started();
    const ann = await Peer.register(box.client, 'ann');
    const bob = await Peer.register(box.client, 'bob');
    const held = bob.call('nextMessages', { wait_ms: HOLD_MS });
    const { socket, rest, answer } = await halfSent(ann, 'bob');

    if (how === 'stopBroker') expect(await box.client.call('stopBroker', {})).toEqual({ pid: broker.pid });
    else broker.kill(how);
    expect((await held).messages).toEqual([]);
    await until(async () => (await codeOf(box.client.hello())) === 'broker_unavailable');
    expect(broker.exitCode).toBe(null);

    socket.write(rest);
    expect(await answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*"message_id"/);
    expect(await exitCode(broker)).toBe(0);

    await box.broker();
    expect((await bob.waiting()).map(({ text }) => text)).toEqual(['written slowly']);
  });
});

it('a client that never finishes its request does not keep the broker from ending', async () => {
  const broker = await started();
  const ann = await Peer.register(box.client, 'ann');
  const { answer } = await halfSent(ann, 'nobody');
  const start = performance.now();
  broker.kill('SIGTERM');
  expect(await exitCode(broker)).toBe(0);
  expect(performance.now() - start).toBeLessThan(6_000);
  expect(await answer).not.toContain('200 OK');
});

it('while an old broker finishes, its successor serves: whoever attached there stays online', async () => {
  const old = await started();
  const ann = await Peer.register(box.client, 'ann');
  const { socket, rest, answer } = await halfSent(ann, 'nobody');
  old.kill('SIGTERM');
  await until(async () => (await codeOf(box.client.hello())) === 'broker_unavailable');

  await box.broker();
  const bob = await Peer.register(box.client, 'bob');
  const gone = new AbortController();
  const held = codeOf(bob.call('nextMessages', { wait_ms: HOLD_MS }, gone.signal));
  socket.write(rest);
  expect(await answer).toContain('peer_not_found');
  expect(await exitCode(old)).toBe(0);
  const { peers } = await box.client.call('listPeers', {});
  expect(peers.map(({ name, online }) => [name, online])).toEqual([['bob', true]]);
  gone.abort();
  await held;
});

it('a broker whose starter ended before it reported goes on: others wait for it', async () => {
  const child = box.spawn('broker');
  child.stdout?.destroy();
  const { pid } = await until(() => box.client.hello().catch(() => undefined));
  expect(pid).toBe(child.pid);
  await Peer.register(box.client, 'ann');
  expect((await box.client.hello()).pid).toBe(pid);
});

it('a broker that is started beside a running one says who runs, and ends with 0', async () => {
  const first = await started();
  const second = box.spawn('broker');
  expect(await startReport(second)).toEqual({ ready: true, pid: first.pid });
  expect(await exitCode(second)).toBe(0);
  expect((await box.client.hello()).pid).toBe(first.pid);
});
