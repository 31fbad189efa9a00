/** A client that speaks nonsense gets errors, each once; the session lives on and can still be initialized. */
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLine } from '../../session/json-rpc.ts';
import { badId, jsonRpcLike, WRONG_INITIALIZE } from '../helpers/json-rpc-like.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

interface Answer {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly result?: { serverInfo?: object };
  readonly error?: { code: number; message: string };
}

const INITIALIZE = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'claude-code', version: '1.0.0' },
};

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

/** A session server, by its lines. */
class Server {
  readonly answers: Answer[] = [];
  readonly #child = box.spawn('claude-server', [], { env: { AGENT_PEERS_ENABLED: '1' } });

  constructor() {
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const answer = JSON.parse(line) as Answer;
        if (answer.method === undefined) this.answers.push(answer);
      }
    });
    this.#child.stdin?.on('error', () => {});
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  request(id: string | number, method: string, params?: unknown): Promise<Answer> {
    this.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return this.answer(id);
  }

  async answer(id: string | number | null): Promise<Answer> {
    return until(() => {
      if (this.#child.exitCode !== null) throw new Error('the session ended');
      return this.answers.find((answer) => answer.id === id);
    });
  }

  async end(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.stdin?.end();
    expect((await exit)[0]).toBe(0);
  }
}

/** Initializes it properly and uses a tool. */
async function works(server: Server): Promise<void> {
  const { result } = await server.request('proper', 'initialize', INITIALIZE);
  expect(result).toHaveProperty('serverInfo.name', 'agent-peers');
  server.write('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  const called = await server.request('used', 'tools/call', { name: 'whoami', arguments: {} });
  expect(JSON.stringify(called.result)).toContain('[claude]');
}

describe('initialize', () => {
  it('with something wrong in it is refused in its turn, and a proper one works afterwards', async () => {
    const server = new Server();
    for (const [i, [, params]] of WRONG_INITIALIZE.entries())
      server.write(JSON.stringify({ jsonrpc: '2.0', id: i, method: 'initialize', params }));
    await works(server);
    expect(server.answers.slice(0, WRONG_INITIALIZE.length + 1).map(({ id, error }) => [id, error?.code])).toEqual([
      ...WRONG_INITIALIZE.map((_, i) => [i, -32602]),
      ['proper', undefined],
    ]);
    // as later ones are
    for (const [i, [, params]] of WRONG_INITIALIZE.entries())
      expect((await server.request(`again ${i}`, 'initialize', params)).error).toMatchObject({ code: -32602 });
    expect((await server.request('once more', 'initialize', INITIALIZE)).result).toBeDefined();
    await server.end();
  });
});

const WRONG: readonly (readonly [line: string, code: number, id: string | null])[] = [
  ['initialize', -32700, null],
  ['{"jsonrpc":"2.0","id":1,', -32700, null],
  ['['.repeat(200_000), -32700, null],
  [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, -32600, null],
  ['null', -32600, null],
  ['17', -32600, null],
  ['[]', -32600, null],
  [JSON.stringify([{ jsonrpc: '2.0', id: 1, method: 'initialize', params: INITIALIZE }]), -32600, null],
  ['{"hello":1}', -32600, null],
  ['{"jsonrpc":"2.0","id":"a"}', -32600, 'a'],
  ['{"jsonrpc":"1.0","id":"b","method":"ping"}', -32600, 'b'],
  ['{"jsonrpc":"2.0","id":"c","method":{}}', -32600, 'c'],
  ['{"jsonrpc":"2.0","id":"d","method":"ping","params":[]}', -32602, 'd'],
  ['{"jsonrpc":"2.0","id":"e","method":"tools/list","params":null}', -32602, 'e'],
  ...[{}, { id: null }, { id: {} }, { id: 0.5 }, { id: true }].map(
    (id) =>
      [JSON.stringify({ jsonrpc: '2.0', ...id, method: 'initialize', params: INITIALIZE }), -32600, null] as const,
  ),
];

it('lines that are no messages are answered with an error, in order, and a proper initialize works afterwards', async () => {
  const server = new Server();
  for (const [line] of WRONG) server.write(line);
  await works(server);
  expect(server.answers.slice(0, WRONG.length).map(({ id, error }) => [error?.code, id])).toEqual(
    WRONG.map(([, code, id]) => [code, id]),
  );
  await server.end();
});

it('what is nested without end in a message that is otherwise right does not end the session', async () => {
  const server = new Server();
  await works(server);
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
  server.write(`{"jsonrpc":"2.0","id":"no request","result":${deep}}`);
  server.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${deep}}`);
  server.write(`{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{"name":"whoami","arguments":${deep}}}`);
  expect(await server.answer('deep')).toHaveProperty('id', 'deep');
  expect(await server.request('alive', 'ping')).toHaveProperty('result');
  expect(server.answers.some(({ id }) => id === 'no request')).toBe(false);
  await server.end();
});

/** A line, and whether the client would wait for its answer. */
const anyLine: fc.Arbitrary<(id: string) => { line: string; awaits: boolean }> = fc.oneof(
  fc.string().map((text) => () => ({ line: text.replaceAll('\n', ' '), awaits: false })),
  fc.json().map((line) => () => ({ line, awaits: false })),
  fc.tuple(jsonRpcLike, badId).map(([like, id]) => () => ({ line: JSON.stringify({ ...like, id }), awaits: false })),
  jsonRpcLike.map((like) => () => ({ line: JSON.stringify({ ...like, id: undefined }), awaits: false })),
  {
    weight: 5,
    arbitrary: jsonRpcLike.map((like) => (id: string) => {
      const value = { ...like, id };
      const isResponse = like['method'] === undefined && (like['result'] !== undefined || like['error'] !== undefined);
      return { line: JSON.stringify(value), awaits: !isResponse };
    }),
  },
  fc.constantFrom(...WRONG_INITIALIZE.map(([, params]) => params)).map((params) => (id: string) => ({
    line: JSON.stringify({ jsonrpc: '2.0', id, method: 'initialize', params }),
    awaits: true,
  })),
);

it('whatever is written: it lives, answers each request once, and works', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyLine, { minLength: 20, maxLength: 60 }),
      fc.array(anyLine, { minLength: 20, maxLength: 60 }),
      async (before, after) => {
        const server = new Server();
        const awaited: string[] = [];
        let nobodys = 0;
        const write = (lines: typeof before, prefix: string) => {
          for (const [i, make] of lines.entries()) {
            const id = `${prefix}${i}`;
            const { line, awaits } = make(id);
            if (awaits) awaited.push(id);
            else if (line.trim() !== '') {
              const read = readLine(line);
              if (read.is === 'refused' && read.id === null) nobodys += 1;
            }
            server.write(line);
          }
        };
        write(before, 'before ');
        await works(server);
        write(after, 'after ');
        await Promise.all(awaited.map((id) => server.answer(id)));
        expect(await server.request('last', 'ping')).toHaveProperty('result');
        const ids = server.answers.map(({ id }) => id);
        expect(ids.filter((id) => id === null)).toHaveLength(nobodys);
        expect(ids.filter((id) => id !== null).sort()).toEqual([...awaited, 'proper', 'used', 'last'].sort());
        await server.end();
      },
    ),
    { numRuns: 8 },
  );
});
