/** Every operation of the broker, by name. The routes, the client, the OpenAPI document and the tools come from here. */
import { inbox } from './inbox.ts';
import { messages } from './messages.ts';
import type { ParsedRequestOf, RequestOf, ResponseOf } from './operation.ts';
import { operator } from './operator.ts';
import { peers } from './peers.ts';
import { sessions } from './sessions.ts';

export const operations = { ...sessions, ...peers, ...messages, ...inbox, ...operator };

type Operations = typeof operations;
export type OperationName = keyof Operations;
export type Request<N extends OperationName> = RequestOf<Operations[N]>;
export type ParsedRequest<N extends OperationName> = ParsedRequestOf<Operations[N]>;
export type Response<N extends OperationName> = ResponseOf<Operations[N]>;
