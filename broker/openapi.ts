/** The OpenAPI document, made from the contract. */
import * as z from 'zod';
import { operations } from '../shared/contract/index.ts';
import type { Caller, Operation } from '../shared/contract/operation.ts';
import { ERROR_KINDS } from '../shared/errors.ts';
import { VERSION } from '../shared/version.ts';

const SECURITY: Record<Caller, object[]> = {
  anyone: [],
  machine: [{ machineKey: [] }],
  operator: [{ machineKey: [] }],
  session: [{ sessionToken: [] }],
  peer: [{ sessionToken: [] }, { machineKey: [] }],
};

const ERROR_SCHEMA = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'hint'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERROR_KINDS) },
        message: { type: 'string' },
        hint: { type: 'string' },
        retry_after_s: { type: 'number' },
      },
    },
  },
};

function schema(type: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...json } = z.toJSONSchema(type, { io, unrepresentable: 'any' });
  return json;
}

function path(name: string, operation: Operation): object {
  return {
    post: {
      operationId: name,
      summary: operation.summary,
      tags: [operation.path.split('/')[2]],
      security: SECURITY[operation.caller],
      requestBody: { required: true, content: { 'application/json': { schema: schema(operation.request, 'input') } } },
      responses: {
        200: {
          description: 'Done.',
          content: { 'application/json': { schema: schema(operation.response, 'output') } },
        },
        default: {
          description: 'Refused or failed; the code is stable.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

/** OpenAPI 3.1. */
export function openApiDocument(port: number): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'agent-peers broker',
      version: VERSION,
      description:
        'Every operation is a POST with a JSON object. See docs/security.md for the two kinds of Bearer value.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: `http://127.0.0.1:${port}` }],
    paths: Object.fromEntries(
      Object.entries(operations).map(([name, operation]) => [operation.path, path(name, operation)]),
    ),
    components: {
      schemas: { Error: ERROR_SCHEMA },
      securitySchemes: {
        sessionToken: { type: 'http', scheme: 'bearer', description: 'What registerSession returned.' },
        machineKey: { type: 'http', scheme: 'bearer', description: "Derived from the user's secret file." },
      },
    },
  };
}
