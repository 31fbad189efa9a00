/** The contract with other programs: what the documents say is what the broker and the sessions do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initializeResult, type Offer, PROTOCOL_VERSIONS, SERVER_INFO, serverOptions } from '../session/handshake.ts';
import { instructions } from '../session/instructions.ts';
import { type OperationName, operations } from '../shared/contract/index.ts';
import { ERROR_KINDS, type ErrorCode, PeersError } from '../shared/errors.ts';
import { byteLength } from '../shared/text.ts';
import { VERSION } from '../shared/version.ts';
import { errorCode, exchange, request } from './helpers/raw-http.ts';
import { ROOT, Sandbox } from './helpers/sandbox.ts';

/** Claude Code cuts instructions and each description here. */
const CUT_BYTES = 2_048;
const CORE_TOOLS_MAX_BYTES = 6 * 1024;

const names = Object.keys(operations) as OperationName[];

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  await box.broker();
});
afterAll(() => box.close());

describe('/openapi.json', () => {
  interface Document {
    readonly info: { readonly version: string };
    readonly paths: Record<string, { post: { operationId: string; security: Record<string, unknown>[] } }>;
  }

  async function document(): Promise<Document> {
    const { port } = box.location;
    const get = request('/openapi.json', { method: 'GET', headers: { host: `127.0.0.1:${port}` } });
    const { status, body } = await exchange(port, get);
    expect(status).toBe(200);
    return JSON.parse(body) as Document;
  }

  it('is a valid OpenAPI document', async () => {
    const result = await new Validator().validate({ ...(await document()) });
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('has every operation of the contract under its path, and no other', async () => {
    const { paths, info } = await document();
    const documented = Object.entries(paths).map(([path, { post }]) => [post.operationId, path]);
    expect(documented.sort()).toEqual(names.map((name) => [name, operations[name].path]).sort());
    expect(new Set(names.map((name) => operations[name].path)).size).toBe(names.length);
    expect(info.version).toBe(VERSION);
  });

  it('tells which key each operation takes', async () => {
    const { paths } = await document();
    const keys = (name: OperationName) =>
      paths[operations[name].path]?.post.security.flatMap((scheme) => Object.keys(scheme)) ?? [];
    for (const name of names) {
      expect([name, keys(name)]).toEqual([
        name,
        {
          anyone: [],
          machine: ['machineKey'],
          operator: ['machineKey'],
          session: ['sessionToken'],
          peer: ['sessionToken', 'machineKey'],
        }[operations[name].caller],
      ]);
    }
  });
});

it.each(names)('%s is mounted, and asks for what the contract says', async (name) => {
  const { port } = box.location;
  const { path, caller } = operations[name];
  const answer = await exchange(port, request(path, { headers: { host: `127.0.0.1:${port}` }, body: '{"nonce":1}' }));
  expect(errorCode(answer)).toBe(caller === 'anyone' ? 'invalid_request' : 'not_authorized');
});

it('the version is that of the package, everywhere', async () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(VERSION).toBe(manifest.version);
  expect(SERVER_INFO.version).toBe(manifest.version);
  expect((await box.client.hello()).version).toBe(manifest.version);
});

describe('the answer to initialize', () => {
  const offers: Offer[] = [
    { enabled: true, channel: true },
    { enabled: true, channel: false },
    { enabled: false, channel: true },
    { enabled: false, channel: false },
  ];

  /** What the protocol library answers by itself. */
  async function answerOfLibrary(params: Record<string, unknown>, offer: Offer): Promise<unknown> {
    const [client, server] = InMemoryTransport.createLinkedPair();
    await new Server(SERVER_INFO, serverOptions(offer)).connect(server);
    const answered = new Promise<unknown>((resolve) => {
      client.onmessage = (message) => resolve('result' in message ? message.result : message);
    });
    await client.start();
    await client.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    const result = await answered;
    await client.close();
    return result;
  }

  it.each([...SUPPORTED_PROTOCOL_VERSIONS, '1999-01-01', '2999-12-31', ''])(
    "for the version '%s' is the one of the protocol library",
    async (protocolVersion) => {
      const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } };
      for (const offer of offers) {
        const own = JSON.parse(JSON.stringify(initializeResult(params, offer))) as unknown;
        expect(own).toEqual(await answerOfLibrary(params, offer));
      }
    },
  );

  it('knows the versions of the library, the newest first', () => {
    expect(PROTOCOL_VERSIONS).toEqual(SUPPORTED_PROTOCOL_VERSIONS);
    expect(PROTOCOL_VERSIONS[0]).toBe(LATEST_PROTOCOL_VERSION);
  });

  it('of a real session is the same', async () => {
    const client = await box.session({ side: 'codex', name: 'handshake' });
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
    const { result } = await client.request('initialize', params).answer;
    expect(result).toEqual(await answerOfLibrary(params, { enabled: true, channel: false }));
  });
});

describe('what the model reads', () => {
  interface ToolDescription {
    readonly name: string;
    readonly title: string;
    readonly description: string;
    readonly inputSchema: { type: string; properties?: Record<string, unknown>; $schema?: string };
    readonly annotations: Record<string, unknown>;
  }

  async function list(side: 'claude' | 'codex', toolsets: string): Promise<ToolDescription[]> {
    const client = await box.session({ side, env: { AGENT_PEERS_TOOLSETS: toolsets } });
    const { result } = await client.request('tools/list').answer;
    await client.end();
    return (result as { tools: ToolDescription[] }).tools;
  }

  it('the instructions fit what the client keeps of them', () => {
    expect(byteLength(instructions())).toBeLessThan(CUT_BYTES);
  });

  it('the core tools cost less than 6 KB', async () => {
    const tools = await list('codex', 'core');
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['send_message', 'check_messages', 'list_peers']),
    );
    expect(byteLength(JSON.stringify({ tools }))).toBeLessThan(CORE_TOOLS_MAX_BYTES);
  });

  it('every tool says what it does, what it takes, and whether it changes anything', async () => {
    const tools = await list('claude', 'all');
    expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length);
    for (const { name, title, description, inputSchema, annotations } of tools) {
      expect(name).toMatch(/^[a-z_]{3,40}$/);
      expect([name, title.length > 0, description.endsWith('.')]).toEqual([name, true, true]);
      expect(byteLength(description)).toBeLessThan(CUT_BYTES);
      expect([name, inputSchema.type, inputSchema.$schema]).toEqual([name, 'object', undefined]);
      expect([name, annotations]).toEqual([
        name,
        { readOnlyHint: expect.any(Boolean), destructiveHint: false, openWorldHint: false },
      ]);
    }
  });

  it('without the idle switch there are no tools at all', async () => {
    const client = await box.session({ env: { AGENT_PEERS_ENABLED: '0' } });
    const { error, result } = await client.request('tools/list').answer;
    expect([error?.code, result]).toEqual([-32601, undefined]);
  });
});

describe('an error code', () => {
  const codes = Object.entries(ERROR_KINDS) as [ErrorCode, { status: number; exit: number }][];

  it.each(codes)('%s has a status of HTTP, and an exit code that means the same', (code, { status, exit }) => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect([1, 2, 3, 4, 5, 6]).toContain(exit);
    // 3 not found, 4 refused, 6 try again later
    expect(exit === 3).toBe(status === 404);
    if (status === 401 || status === 403) expect(exit).toBe(4);
    if (status === 429) expect(exit).toBe(6);
  });

  it.each(codes)('%s travels whole, with its hint', (code) => {
    const error = new PeersError(code, 'What happened.', 'What to do.', { retryAfterS: 7 });
    const { code: again, message, hint, retryAfterS } = PeersError.fromBody(error.toBody());
    expect([again, message, hint, retryAfterS]).toEqual([code, 'What happened.', 'What to do.', 7]);
  });

  it('of a newer broker becomes internal, with its text', () => {
    const body = JSON.parse('{"code":"toString","message":"What happened.","hint":"What to do."}') as never;
    expect(PeersError.fromBody(body)).toMatchObject({
      code: 'internal',
      message: 'What happened.',
      hint: 'What to do.',
    });
  });
});
