/** What looks like JSON-RPC: each member right, wrong or missing. */
import fc from 'fast-check';

const anyJson = fc.jsonValue({ maxDepth: 3 });
const missing = fc.constant(undefined);

/** Ids that no request may have. */
export const badId = fc.constantFrom(null, true, 1.5, 1e300, {}, [], { toString: null });
const anyId = fc.oneof(fc.string(), fc.integer(), badId, missing);

export const anyMeta = fc.oneof(
  missing,
  anyJson,
  fc.record(
    {
      progressToken: fc.oneof(fc.string(), fc.integer(), anyJson),
      'io.modelcontextprotocol/related-task': fc.oneof(fc.record({ taskId: fc.oneof(fc.string(), anyJson) }), anyJson),
      threadId: anyJson,
    },
    { requiredKeys: [] },
  ),
);

const anyParams = fc.oneof(
  missing,
  anyJson,
  fc.record(
    {
      _meta: anyMeta,
      name: fc.oneof(fc.constantFrom('whoami', 'send_message', 'peer_hook', 'check_messages', '__proto__'), anyJson),
      arguments: fc.oneof(
        anyJson,
        fc.record({ to_id: anyJson, message: anyJson, event: anyJson }, { requiredKeys: [] }),
      ),
      requestId: anyJson,
      cursor: anyJson,
    },
    { requiredKeys: [] },
  ),
);

const METHODS = [
  'ping',
  'tools/list',
  'tools/call',
  'server/discover',
  'resources/list',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'tasks/get',
  'toString',
  '__proto__',
  '',
];
const anyMethod = fc.oneof(fc.constantFrom(...METHODS), fc.string(), anyJson, missing);

/** An object with the members of JSON-RPC; what is undefined is left out of its JSON. */
export const jsonRpcLike: fc.Arbitrary<Record<string, unknown>> = fc.record({
  jsonrpc: fc.oneof({ weight: 5, arbitrary: fc.constant('2.0') }, anyJson, missing),
  id: anyId,
  method: anyMethod,
  params: anyParams,
  result: fc.oneof({ weight: 9, arbitrary: missing }, anyJson),
  error: fc.oneof({ weight: 9, arbitrary: missing }, anyJson),
  surplus: fc.oneof({ weight: 9, arbitrary: missing }, anyJson),
});

const RIGHT = {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
};

/** The params of `initialize` with one thing wrong in them. */
export const WRONG_INITIALIZE: readonly (readonly [string, unknown])[] = [
  ['no params', undefined],
  ['params null', null],
  ['params that are a list', [RIGHT]],
  ['params that are a string', 'initialize'],
  ['params that are empty', {}],
  ['a protocolVersion that is a number', { ...RIGHT, protocolVersion: 1 }],
  ['a protocolVersion that is null', { ...RIGHT, protocolVersion: null }],
  ['a protocolVersion that is an object', { ...RIGHT, protocolVersion: { toString: null } }],
  ['capabilities that are missing', { ...RIGHT, capabilities: undefined }],
  ['capabilities that are a list', { ...RIGHT, capabilities: [] }],
  ['a clientInfo that is missing', { ...RIGHT, clientInfo: undefined }],
  ['a clientInfo that is null', { ...RIGHT, clientInfo: null }],
  ['a client without a name', { ...RIGHT, clientInfo: { version: '1' } }],
  ['a client whose name cannot be a string', { ...RIGHT, clientInfo: { name: { toString: null }, version: '1' } }],
  ['a client whose version is a list', { ...RIGHT, clientInfo: { name: 'x', version: [[]] } }],
  ['a _meta that is a list', { ...RIGHT, _meta: [] }],
  ['a progress token that is an object', { ...RIGHT, _meta: { progressToken: {} } }],
];
