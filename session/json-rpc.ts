/**
 * Reads the client's lines as JSON-RPC messages of MCP. A line that is no message is answered with an error from here:
 * the protocol library would stay silent, and is still loading when the first lines come. A test holds this equal to the
 * library's own schemas. This module imports nothing.
 */

export type RequestId = string | number;

export interface Message {
  readonly jsonrpc: '2.0';
  readonly id?: RequestId;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: unknown;
}

const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

export type Line =
  | { readonly is: 'message'; readonly message: Message }
  /** To be answered; with null where the request's id is not known. */
  | { readonly is: 'refused'; readonly id: RequestId | null; readonly error: { code: number; message: string } }
  /** Not well-formed, and nothing that may be answered: a notification, or a response. */
  | { readonly is: 'ignored' };

const IGNORED: Line = { is: 'ignored' };

export function readLine(line: string): Line {
  try {
    return readMessage(JSON.parse(line));
  } catch (error) {
    return refused(null, PARSE_ERROR, `Not JSON: ${(error as Error).message}`);
  }
}

/** @param value any JSON value */
export function readMessage(value: unknown): Line {
  if (Array.isArray(value))
    return refused(null, INVALID_REQUEST, 'Batches are not supported: send one message a line.');
  if (!isObject(value)) return refused(null, INVALID_REQUEST, 'A message is a JSON object.');
  if ('method' in value) return readCall(value);
  const id = isRequestId(value['id']) ? value['id'] : null;
  if (!('result' in value) && !('error' in value)) return refused(id, INVALID_REQUEST, 'method is missing.');
  const { result, error } = value;
  if (value['jsonrpc'] !== '2.0' || id === null) return IGNORED;
  return { is: 'message', message: { jsonrpc: '2.0', id, ...('result' in value ? { result } : { error }) } };
}

function readCall(value: Record<string, unknown>): Line {
  const { jsonrpc, id, method, params } = value;
  const isRequest = 'id' in value;
  if (isRequest && !isRequestId(id)) return refused(null, INVALID_REQUEST, 'id must be a string or a whole number.');
  const known = isRequestId(id) ? id : null;
  if (jsonrpc !== '2.0') return refused(known, INVALID_REQUEST, 'jsonrpc must be "2.0".');
  if (typeof method !== 'string') return refused(known, INVALID_REQUEST, 'method must be a string.');
  if (method === 'initialize' && !isRequest) return refused(null, INVALID_REQUEST, 'initialize needs an id.');
  const problem = problemOf(params) ?? (method === 'initialize' ? problemOfInitialize(params) : undefined);
  if (problem !== undefined) return known === null ? IGNORED : refused(known, INVALID_PARAMS, problem);
  // members that JSON-RPC does not know are left out
  return {
    is: 'message',
    message: {
      jsonrpc,
      ...(known === null ? {} : { id: known }),
      method,
      ...(isObject(params) ? { params } : {}),
    },
  };
}

/** What is wrong with the params of any request or notification. */
function problemOf(params: unknown): string | undefined {
  if (params === undefined) return undefined;
  if (!isObject(params)) return 'params must be an object.';
  const { _meta: meta } = params;
  if (meta === undefined) return undefined;
  if (!isObject(meta)) return 'params._meta must be an object.';
  const { progressToken, 'io.modelcontextprotocol/related-task': task } = meta;
  if (progressToken !== undefined && !isRequestId(progressToken))
    return 'params._meta.progressToken must be a string or a whole number.';
  if (task !== undefined && !(isObject(task) && typeof task['taskId'] === 'string'))
    return 'params._meta["io.modelcontextprotocol/related-task"] must name a taskId.';
  return undefined;
}

function problemOfInitialize(params: unknown): string | undefined {
  const { protocolVersion, capabilities, clientInfo } = isObject(params) ? params : {};
  if (typeof protocolVersion !== 'string') return 'params.protocolVersion must be a string.';
  if (!isObject(capabilities)) return 'params.capabilities must be an object.';
  if (!isObject(clientInfo)) return 'params.clientInfo must be an object.';
  for (const name of ['name', 'version'])
    if (typeof clientInfo[name] !== 'string') return `params.clientInfo.${name} must be a string.`;
  return undefined;
}

function refused(id: RequestId | null, code: number, message: string): Line {
  return { is: 'refused', id, error: { code, message } };
}

function isRequestId(value: unknown): value is RequestId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
