/** Who gets in over the port: programs of this user, and nobody else's web page. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BODY_MAX_BYTES, MESSAGE_MAX_BYTES } from '../../shared/limits.ts';
import { machineKey, readSecret } from '../../shared/secret.ts';
import { Peer } from '../helpers/peer.ts';
import { errorCode, exchange, type RawAnswer, request } from '../helpers/raw-http.ts';
import { Sandbox } from '../helpers/sandbox.ts';

let box: Sandbox;
let peer: Peer;
let machine: string;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
  peer = await Peer.register(box.client, 'ann');
  machine = machineKey(readSecret(box.location.home));
});
afterAll(() => box.close());

function post(path: string, headers: Record<string, string> = {}, body = '{}'): Promise<RawAnswer> {
  const { port } = box.location;
  const all = { host: `127.0.0.1:${port}`, authorization: `Bearer ${peer.token}`, ...headers };
  return exchange(port, request(path, { headers: all, body }));
}

async function outcome(answer: Promise<RawAnswer>): Promise<[number, string | undefined]> {
  const got = await answer;
  return [got.status, errorCode(got)];
}

describe('a web page from elsewhere', () => {
  it.each([
    'http://evil.example',
    'https://localhost',
    'null',
    'http://127.0.0.1:1',
    'file://',
    'http://localhost.evil.example',
  ])('cannot call by its Origin %s', async (origin) => {
    expect(await outcome(post('/v1/peers/self', { origin }))).toEqual([403, 'forbidden_origin']);
    expect(await outcome(post('/openapi.json', { origin }))).toEqual([403, 'forbidden_origin']);
  });

  it('cannot call by a name that it made resolve to this machine', async () => {
    const { port } = box.location;
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:${port + 1}`,
      `0.0.0.0:${port}`,
    ]) {
      expect(await outcome(post('/v1/peers/self', { host }))).toEqual([403, 'forbidden_host']);
    }
  });

  it('cannot call with what a form or a script without preflight can send', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', '']) {
      expect(await outcome(post('/v1/peers/self', { 'content-type': type }))).toEqual([415, 'not_json']);
    }
    const { port } = box.location;
    const get = request('/v1/peers/self', { method: 'GET', headers: { host: `127.0.0.1:${port}` } });
    expect(await outcome(exchange(port, get))).toEqual([404, 'no_such_operation']);
  });

  it('is not invited: no answer allows another origin', async () => {
    const { port } = box.location;
    const preflight = request('/v1/peers/self', {
      method: 'OPTIONS',
      headers: { host: `127.0.0.1:${port}`, origin: 'http://evil.example', 'access-control-request-method': 'POST' },
    });
    const answer = await exchange(port, preflight);
    expect(answer.status).toBe(403);
    expect(answer.headers.toLowerCase()).not.toContain('access-control-allow');
  });
});

it("the broker's own page and programs get in", async () => {
  const { port } = box.location;
  for (const name of [`127.0.0.1:${port}`, `localhost:${port}`]) {
    const { status } = await post('/v1/peers/self', { host: name, origin: `http://${name}` });
    expect(status).toBe(200);
  }
});

describe('a caller without the right key', () => {
  const wrong = () => [
    '',
    'Bearer',
    'Basic YTpi',
    `Bearer ${peer.token}x`,
    `Bearer ${peer.token.slice(0, -1)}`,
    peer.token,
  ];

  it.each(['/v1/peers/self', '/v1/messages/send', '/v1/sessions/register', '/v1/operator/status', '/v1/operator/stop'])(
    'gets 401 at %s',
    async (path) => {
      for (const authorization of wrong()) {
        const [status, code] = await outcome(post(path, { authorization }));
        expect(status).toBe(401);
        expect(['not_authorized', 'session_stale']).toContain(code);
      }
    },
  );

  it('is told in one sentence what is missing, and nothing else', async () => {
    const { body } = await post('/v1/peers/self', { authorization: '' });
    expect(JSON.parse(body)).toEqual({
      error: { code: 'not_authorized', message: expect.any(String), hint: expect.stringContaining('secret') },
    });
  });

  it('a session cannot do what the operator may, and the machine key is no session', async () => {
    for (const path of [
      '/v1/operator/status',
      '/v1/operator/inbox',
      '/v1/operator/orphans',
      '/v1/operator/requeue',
      '/v1/operator/stop',
    ]) {
      expect(await outcome(post(path))).toEqual([401, 'not_authorized']);
    }
    expect(await outcome(post('/v1/inbox/next', { authorization: `Bearer ${machine}` }))).toEqual([
      401,
      'not_authorized',
    ]);
    expect((await box.client.hello()).draining).toBe(false);
  });
});

describe('size', () => {
  const { length: around } = JSON.stringify({ to: 'ann', message: '' });

  it('a body over the limit is refused with 413 and its code, with and without an announced length', async () => {
    const body = JSON.stringify({ to: 'ann', message: 'x'.repeat(BODY_MAX_BYTES - around + 1) });
    expect(await outcome(post('/v1/messages/send', {}, body))).toEqual([413, 'body_too_large']);
    const { port } = box.location;
    const chunked = [
      'POST /v1/messages/send HTTP/1.1',
      `host: 127.0.0.1:${port}`,
      'connection: close',
      'content-type: application/json',
      `authorization: Bearer ${peer.token}`,
      'transfer-encoding: chunked',
      '',
      body.length.toString(16),
      body,
      '0',
      '',
      '',
    ].join('\r\n');
    expect(await outcome(exchange(port, chunked))).toEqual([413, 'body_too_large']);
  });

  it('is refused before it was sent, when it was announced', async () => {
    const { port } = box.location;
    const announced = request('/v1/messages/send', {
      headers: { host: `127.0.0.1:${port}`, authorization: `Bearer ${peer.token}`, 'content-length': '999999999' },
    });
    expect(await outcome(exchange(port, announced))).toEqual([413, 'body_too_large']);
  });

  it('the longest message gets through, however it is escaped; one byte more does not', async () => {
    const bob = await Peer.register(box.client, 'bob');
    const longest = '\u0001'.repeat(MESSAGE_MAX_BYTES);
    await peer.send('bob', longest);
    expect((await bob.waiting())[0]?.text).toBe(longest);
    const longer = JSON.stringify({ to: 'bob', message: `${longest}!` });
    expect(await outcome(post('/v1/messages/send', {}, longer))).toEqual([413, 'message_too_large']);
  });

  it('a body of unannounced length within the limit is taken', async () => {
    const { port } = box.location;
    const headers = {
      host: `127.0.0.1:${port}`,
      authorization: `Bearer ${peer.token}`,
      'transfer-encoding': 'chunked',
    };
    const head = request('/v1/peers/update', { headers, body: '' }).replace(/content-length: 0\r\n/, '');
    const { status, body } = await exchange(port, `${head}11\r\n{"summary":"bits"\r\n1\r\n}\r\n0\r\n\r\n`);
    expect([status, JSON.parse(body)]).toEqual([200, { peer: expect.objectContaining({ summary: 'bits' }) }]);
  });
});
