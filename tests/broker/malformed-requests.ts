/** Requests that no client sends, drawn from a seed. */
import fc from 'fast-check';
import { type OperationName, operations } from '../../shared/contract/index.ts';
import { BODY_MAX_BYTES } from '../../shared/limits.ts';
import { request } from '../helpers/raw-http.ts';

export interface Keys {
  readonly port: number;
  readonly machine: string;
  readonly session: string;
}

/** A valid body of each operation, to be spoilt. Nothing here waits, and nothing ends the broker or the session. */
const BODIES: Record<Exclude<OperationName, 'stopBroker' | 'closeSession'>, object> = {
  hello: { nonce: 'n'.repeat(24) },
  registerSession: {
    kind: 'other',
    name: 'fuzz',
    credential: 'c',
    peer_id: 'p',
    conversation: { client: 'codex', id: 'thread' },
    process: 'process-1',
    pid: 1,
    host: 'h',
    cwd: '/',
    client: { name: 'c', version: '1' },
    push_route: 'none',
  },
  bindConversation: { conversation: { client: 'codex', id: 'thread' }, credential: 'c' },
  reportSession: { activity: 'idle', branch: 'main' },
  listPeers: { scope: 'repo', peer_type: 'claude', tag: 'x', include_offline: true },
  whoami: {},
  updatePeer: { summary: 's', tags: ['a'], status: 'busy', status_message: 'm' },
  watchIdle: { peer: 'nobody' },
  renamePeer: { new_name: 'fuzz', peer: 'nobody' },
  sendMessage: {
    to: 'nobody',
    message: 'm',
    reply_to: 'm1',
    intent: 'request',
    priority: 'info',
    idempotency_key: 'key-0001',
  },
  messageStatus: { message_id: 'm1' },
  nextMessages: { wait_ms: 0, number: 2, received: 1, pushed: [] },
  confirmMessages: { confirmations: [{ message_id: 'm1', evidence: 'hook' }] },
  notePush: { message_ids: ['m1'], route: 'channel', error: 'e' },
  readMessage: { message_id: 'm1' },
  brokerStatus: { include_offline: true },
  operatorInbox: { confirm: ['m1'], limit: 1 },
  orphanedMessages: { limit: 1 },
  requeueMessages: { message_id: 'm1', to: 'nobody' },
  recentMessages: { after_seq: 0, limit: 1 },
  peerOfConversation: { conversation: { client: 'codex', id: 'thread' } },
};

const names = Object.keys(BODIES) as (keyof typeof BODIES)[];
const paths = fc.constantFrom(...names.map((name) => operations[name].path));

const oddString = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('\ud800', 'a\udc00b', '\u0000', '\u202e', '__proto__', '../../etc/passwd', "' or 1=1 --", '%', '_'),
  fc.constant('x'.repeat(5_000)),
);
const oddNumber = fc.oneof(
  fc.constantFrom(-1, 0.5, 1e308, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 53, 99_999_999),
  fc.integer({ max: 0 }),
);
const nested = fc
  .tuple(fc.integer({ min: 100, max: 40_000 }), fc.boolean())
  .map(([depth, list]) =>
    list ? `${'['.repeat(depth)}${']'.repeat(depth)}` : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
  );
const oddValue = fc
  .oneof(
    oddString,
    oddNumber,
    fc.constantFrom(null, true, [], {}, [[]], { toString: 1 }, { length: -1 }),
    fc.jsonValue({ maxDepth: 3 }),
  )
  // a request that asks to be held is not malformed
  .filter((value) => !(typeof value === 'number' && value > 0 && value <= 60_000));

/** Each field of each operation with each of these in its place. */
const ODD_IN_TURN: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '#group',
  '__proto__',
  'x'.repeat(5_000),
  [],
  [null],
  [[]],
  {},
  { toString: 1 },
  { length: 1 },
];

export function* spoiltCalls(): Generator<{ name: keyof typeof BODIES; body: object }> {
  for (const name of names) {
    for (const field of Object.keys(BODIES[name])) {
      for (const value of ODD_IN_TURN) yield { name, body: { ...BODIES[name], [field]: value } };
    }
  }
}

/** JSON text: lone surrogates as escapes, and as they are. */
const json = (value: unknown): string => JSON.stringify(value) ?? 'undefined';

/** A valid body with one field taken away, replaced or added somewhere. */
const spoiltBody = fc.constantFrom(...names).chain((name) => {
  const body = BODIES[name];
  const fields = Object.keys(body);
  return fc
    .tuple(
      fc.constantFrom(...fields, 'extra', '__proto__', 'constructor'),
      oddValue,
      fc.constantFrom('set', 'drop', 'wrap'),
    )
    .map(([field, value, how]) => {
      const copy: Record<string, unknown> = { ...body };
      if (how === 'drop') delete copy[field];
      else Object.defineProperty(copy, field, { value, enumerable: true, configurable: true, writable: true });
      return { path: operations[name].path, body: json(how === 'wrap' ? [copy] : copy) };
    });
});

const brokenJson = fc.oneof(
  fc.jsonValue().map((value) => json(value)),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    '{',
    '}',
    '"',
    'nul',
    '{"a":1,}',
    "{'a':1}",
    '{"a":1}{"b":2}',
    '\ufeff{}',
    'NaN',
    '-',
    '{"a":\u0000}',
    '[1,2',
  ),
  nested,
  nested.map((deep) => `{"message":${deep},"to":${deep},"confirmations":${deep}}`),
);

/** The door's own headers are right in most, so that the rest is reached. */
const headersFor = ({ port, machine, session }: Keys) =>
  fc.record({
    host: fc.oneof(
      { weight: 8, arbitrary: fc.constant(`127.0.0.1:${port}`) },
      fc.constantFrom(
        '',
        'evil.example',
        '127.0.0.1',
        `127.0.0.1:${port}x`,
        'a b',
        '[::1]',
        `user@127.0.0.1:${port}`,
        `127.0.0.1:${port}/`,
      ),
    ),
    authorization: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(`Bearer ${session}`, `Bearer ${machine}`) },
      fc.constantFrom(
        '',
        'Bearer',
        'Bearer  ',
        'Basic eDp5',
        `bearer ${session}`,
        `Bearer ${session.slice(1)}`,
        `Bearer ${'x'.repeat(4_000)}`,
      ),
      fc.stringMatching(/^[!-~]{1,80}$/).map((token) => `Bearer ${token}`),
    ),
    'content-type': fc.oneof(
      { weight: 6, arbitrary: fc.constant('application/json') },
      fc.constantFrom(
        '',
        'text/plain',
        'application/jsonx',
        'multipart/form-data; boundary=x',
        'application/json; charset=utf-16',
        'application/x-www-form-urlencoded',
      ),
    ),
  });

const oddPath = fc.oneof(
  paths,
  fc.constantFrom(
    '/',
    '/v1',
    '/v1/',
    '/v1/hello/',
    '//v1/hello',
    '/v1/../v1/hello',
    '/v1/hello?x=1',
    '/v1/hello%00',
    '/%',
    '/%ff%fe',
    '*',
    'http://evil.example/v1/hello',
    '/openapi.json',
    '/__proto__',
    `/${'a'.repeat(9_000)}`,
  ),
  fc.stringMatching(/^[!-~]{1,60}$/).map((path) => `/${path}`),
);
const oddMethod = fc.constantFrom(
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'M-SEARCH',
  'QUERY',
  'post',
  'BREW',
);

/** @returns the bytes of one request each */
export function malformedRequests(keys: Keys, count: number, seed: number): Buffer[] {
  const headers = headersFor(keys);
  const wellFramed = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(spoiltBody, headers).map(([{ path, body }, h]) => request(path, { headers: h, body })),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(paths, headers, brokenJson).map(([path, h, body]) => request(path, { headers: h, body })),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(oddPath, headers, oddMethod)
        .map(([path, h, method]) => request(path, { method, headers: h })),
    },
    { weight: 2, arbitrary: fc.tuple(oddPath, headers).map(([path, h]) => request(path, { headers: h, body: '{}' })) },
  );
  const framing = fc.constantFrom(
    { 'content-length': '-1' },
    { 'content-length': 'x' },
    { 'content-length': '99999999999999999999' },
    { 'content-length': '2, 3' },
    { 'transfer-encoding': 'chunked' },
    { 'transfer-encoding': 'gzip, chunked' },
    { expect: '100-continue' },
    { expect: 'a miracle' },
    { upgrade: 'websocket', connection: 'Upgrade' },
    { 'x-long': 'h'.repeat(20_000) },
    { 'bad header': 'x' },
    { 'x-control': 'a\u0001b' },
    { 'x-folded': 'a\r\n b' },
    { cookie: 'a=b; '.repeat(1_000) },
  );
  const badlyFramed = fc
    .tuple(
      paths,
      headers,
      framing,
      fc.constantFrom('{}', '', '2\r\n{}\r\n0\r\n\r\n', 'ffffffffffffffffff\r\n{}', 'zz\r\n{}\r\n', '0\r\n\r\n'),
    )
    .map(([path, h, extra, body]) => request(path, { headers: { ...h, ...extra }, body }));
  const huge = fc
    .tuple(paths, headers, fc.constantFrom(BODY_MAX_BYTES, BODY_MAX_BYTES + 1, 2 * BODY_MAX_BYTES), fc.boolean())
    .map(([path, h, size, chunked]) => {
      const body = json({ message: 'x'.repeat(size - 14) });
      return chunked
        ? request(path, {
            headers: { ...h, 'transfer-encoding': 'chunked', 'content-length': '' },
            body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
          }).replace('content-length: \r\n', '')
        : request(path, { headers: h, body });
    });
  const noise = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    fc.constantFrom(
      '\r\n\r\n',
      'GET',
      'POST / HTTP/9.9\r\n\r\n',
      'POST /v1/hello HTTP/1.1\r\n\r\n',
      '\u0016\u0003\u0001\u0002',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'POST /v1/hello HTTP/1.0\r\n\r\n',
    ),
  );
  const whole = fc.oneof(
    { weight: 12, arbitrary: wellFramed },
    { weight: 3, arbitrary: badlyFramed },
    { weight: 2, arbitrary: noise },
    { weight: 1, arbitrary: huge },
  );
  const truncated = fc
    .tuple(whole, fc.double({ min: 0.05, max: 1, noNaN: true }))
    .map(([text, part]) => text.slice(0, Math.ceil(text.length * part)));
  const any = fc.oneof({ weight: 4, arbitrary: whole }, { weight: 1, arbitrary: truncated });
  return (
    fc
      .sample(any, { numRuns: count, seed })
      // half of the lone surrogates go out as the bytes that UTF-8 does not know
      .map((text, i) => (i % 2 === 0 ? Buffer.from(text, 'utf8') : Buffer.from(text, 'latin1')))
  );
}
