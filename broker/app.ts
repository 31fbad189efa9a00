/** The HTTP surface: mounts every operation of the contract and guards the door. */
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type OperationName, operations } from '../shared/contract/index.ts';
import type { Operation } from '../shared/contract/operation.ts';
import { ERROR_KINDS, PeersError, toPeersError } from '../shared/errors.ts';
import { BODY_MAX_BYTES } from '../shared/limits.ts';
import { wellFormed } from '../shared/text.ts';
import type { Auth } from './auth.ts';
import { assertName } from './core/names.ts';
import type { Call, Deps, Handlers } from './deps.ts';
import { openApiDocument } from './openapi.ts';
import { eventStream } from './routes/events.ts';

function refuse(context: Context, error: PeersError): Response {
  if (error.retryAfterS !== undefined) context.header('retry-after', String(error.retryAfterS));
  return context.json({ error: error.toBody() }, ERROR_KINDS[error.code].status as ContentfulStatusCode);
}

/** A page from elsewhere must not reach us by a name that resolves to 127.0.0.1, nor by a plain cross-site request. */
function guard(port: number, host: string | undefined, origin: string | undefined): void {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`];
  if (host === undefined || !own.includes(host)) {
    throw new PeersError(
      'forbidden_host',
      `The Host header ${JSON.stringify(host ?? '')} is not this broker's.`,
      `Use http://127.0.0.1:${port}.`,
    );
  }
  if (origin !== undefined && !own.some((name) => origin === `http://${name}`)) {
    throw new PeersError(
      'forbidden_origin',
      'Requests from other web pages are refused.',
      'Use the CLI, or the dashboard of the broker itself.',
    );
  }
}

function parse(operation: Operation, body: unknown): unknown {
  const parsed = operation.request.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'body';
  const name = (body as { new_name?: unknown } | null)?.new_name;
  if (where === 'new_name' && typeof name === 'string') assertName(name);
  throw new PeersError(
    'invalid_request',
    `${where}: ${issue?.message ?? 'not valid'}`,
    `What ${operation.path} takes stands in /openapi.json.`,
  );
}

function tooLarge(): PeersError {
  return new PeersError('body_too_large', `The request is larger than ${BODY_MAX_BYTES} bytes.`, 'Send less at once.');
}

/** The body as text. Where its length was not announced it is counted while it comes in. */
async function readBody(request: Request): Promise<string> {
  const reader = request.headers.has('content-length') ? undefined : request.body?.getReader();
  if (!reader) return request.text();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString('utf8');
    size += value.length;
    // the rest is left to the server: cancelling here would take the answer away with it
    if (size > BODY_MAX_BYTES) throw tooLarge();
    chunks.push(value);
  }
}

/** Escapes by which a string may come to hold NUL or half of a surrogate pair: nothing else in UTF-8 can bring them. */
const ODD_ESCAPE = /\\u(?:0000|d[89a-f])/i;

/**
 * What is stored is what was said: PostgreSQL stores no NUL, and no UTF-8 holds half of a pair. So NUL is refused on
 * every engine, and halves are replaced, before anything is looked up or compared.
 * @throws PeersError `invalid_request` where a string holds NUL
 */
function parseJson(text: string): unknown {
  if (!ODD_ESCAPE.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (value.includes('\0')) {
      throw new PeersError('invalid_request', `${key}: it holds a NUL character.`, 'Leave NUL characters out.');
    }
    return wellFormed(value);
  });
}

export function createApp(
  deps: Pick<Deps, 'config' | 'log' | 'store' | 'feed' | 'bus' | 'stopping'>,
  auth: Auth,
  handlers: Handlers,
): Hono {
  const { log } = deps;
  const app = new Hono();

  app.onError((thrown, context) => {
    const error = toPeersError(thrown);
    // the cause alone: a request's content has no place in the log
    if (ERROR_KINDS[error.code].status >= 500)
      log.error({ err: error.cause ?? error, path: context.req.path }, error.message);
    return refuse(context, error);
  });
  app.notFound((context) =>
    refuse(
      context,
      new PeersError(
        'no_such_operation',
        `There is no ${context.req.method} ${context.req.path.slice(0, 100)}.`,
        'The operations stand in /openapi.json.',
      ),
    ),
  );
  app.use(async (context, next) => {
    guard(deps.config.port, context.req.header('host'), context.req.header('origin'));
    await next();
  });
  app.use('/v1/*', async (context, next) => {
    if (Number(context.req.header('content-length') ?? 0) > BODY_MAX_BYTES) throw tooLarge();
    await next();
  });

  app.get('/v1/events', async (context) => {
    const call = await auth.identify('peer', context.req.header('authorization'), () => context.req.raw.signal);
    return eventStream(
      deps,
      call.actor(),
      context.req.header('last-event-id') ?? context.req.query('after'),
      call.signal,
    );
  });
  app.get('/openapi.json', (context) => context.json(openApiDocument(deps.config.port)));

  for (const name of Object.keys(operations) as OperationName[]) {
    const operation: Operation = operations[name];
    const handle = handlers[name] as (request: unknown, call: Call) => Promise<object>;
    app.post(operation.path, async (context) => {
      if (!/^application\/json\b/i.test(context.req.header('content-type') ?? '')) {
        throw new PeersError(
          'not_json',
          'The request is not application/json.',
          'Send a JSON object with that content type.',
        );
      }
      const call = await auth.identify(
        operation.caller,
        context.req.header('authorization'),
        () => context.req.raw.signal,
      );
      let body: unknown;
      try {
        body = parseJson(await readBody(context.req.raw));
      } catch (error) {
        if (error instanceof PeersError) throw error;
        throw new PeersError('invalid_request', 'The request body is not valid JSON.', 'Send a JSON object.', {
          cause: error,
        });
      }
      return context.json(await handle(parse(operation, body), call));
    });
  }
  return app;
}
