/** What a session takes for a message is what the protocol library takes for one. */
import {
  InitializeRequestSchema,
  JSONRPCNotificationSchema,
  JSONRPCRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readLine, readMessage } from '../../session/json-rpc.ts';
import { anyMeta, jsonRpcLike } from '../helpers/json-rpc-like.ts';

/** As it comes over a line. */
const overLine = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function withoutUnknown(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => ['jsonrpc', 'id', 'method', 'params'].includes(name)),
  );
}

it('requests and notifications are those of the library', () => {
  fc.assert(
    fc.property(jsonRpcLike, (like) => {
      const value = overLine(like) as Record<string, unknown>;
      fc.pre('method' in value && value['method'] !== 'initialize');
      const known = withoutUnknown(value);
      const line = readMessage(value);
      const expected =
        'id' in value ? JSONRPCRequestSchema.safeParse(known) : JSONRPCNotificationSchema.safeParse(known);
      expect(line.is === 'message').toBe(expected.success);
      if (line.is === 'message') expect(line.message).toEqual(known);
    }),
    { numRuns: 3_000 },
  );
});

it('an initialize that the library takes is taken', () => {
  const initialize = fc.record({
    jsonrpc: fc.constant('2.0'),
    id: fc.oneof(fc.string(), fc.integer()),
    method: fc.constant('initialize'),
    params: fc.record(
      {
        protocolVersion: fc.oneof(fc.string(), fc.jsonValue()),
        capabilities: fc.oneof(fc.constant({}), fc.jsonValue()),
        clientInfo: fc.record(
          { name: fc.oneof(fc.string(), fc.jsonValue()), version: fc.string() },
          { requiredKeys: [] },
        ),
        _meta: anyMeta,
      },
      { requiredKeys: [] },
    ),
  });
  fc.assert(
    fc.property(initialize, (like) => {
      const value = overLine(like);
      if (InitializeRequestSchema.safeParse(value).success) expect(readMessage(value).is).toBe('message');
    }),
    { numRuns: 2_000 },
  );
});

it('every line is a message, an answer or nothing, and never a failure', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        jsonRpcLike.map((like) => JSON.stringify(like)),
      ),
      (line) => {
        expect(['message', 'refused', 'ignored']).toContain(readLine(line).is);
      },
    ),
    { numRuns: 2_000 },
  );
});
