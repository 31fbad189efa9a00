/** The shape in which `shared/contract/` says every operation of the broker once. */
import type * as z from 'zod';

/**
 * Who may call an operation, by what its Bearer value is:
 * - `anyone`: nothing needed
 * - `machine`: the machine key, which only programs of the broker's own user can derive
 * - `session`: a session token; the caller is that session's peer
 * - `operator`: the machine key; the caller is the human
 * - `peer`: a session token or the machine key; the caller is the session's peer, or the operator
 */
export type Caller = 'anyone' | 'machine' | 'session' | 'operator' | 'peer';

export interface Operation<Request extends z.ZodType = z.ZodType, Response extends z.ZodType = z.ZodType> {
  /** Always POST with a JSON body: one way to call everything, and no request that a link or image can cause. */
  readonly path: `/v1/${string}`;
  readonly caller: Caller;
  readonly summary: string;
  readonly request: Request;
  readonly response: Response;
}

export function operation<Request extends z.ZodType, Response extends z.ZodType>(
  definition: Operation<Request, Response>,
): Operation<Request, Response> {
  return definition;
}

/** What a caller passes: defaults may be left out. */
export type RequestOf<O> = O extends Operation<infer R, z.ZodType> ? z.input<R> : never;
/** What the handler gets: parsed, defaults filled in. */
export type ParsedRequestOf<O> = O extends Operation<infer R, z.ZodType> ? z.output<R> : never;
export type ResponseOf<O> = O extends Operation<z.ZodType, infer R> ? z.output<R> : never;
