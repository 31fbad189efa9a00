/**
 * The typed client of the broker. Every TCP connection first makes the broker prove that it knows the user's
 * secret (`proven-connection.ts`), and every call has a deadline: a broker may be stopped at any moment.
 */
import { Agent, type AgentOptions, request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Location } from './config.ts';
import { type OperationName, operations, type Request, type Response } from './contract/index.ts';
import { type ErrorBody, PeersError } from './errors.ts';
import { INBOX_HOLD_MS } from './limits.ts';
import { connectProven, type Hello, unavailable } from './proven-connection.ts';
import { machineKey, readSecret } from './secret.ts';

/** How long a call may take, beyond the time for which it asks the broker to hold it. */
export const ANSWER_TIMEOUT_MS = 10_000;

export type { Hello };

/** Keeps proven connections only. */
class ProvenAgent extends Agent {
  readonly #location: Location;
  readonly #opening = new Set<Socket>();
  lastHello: Hello | undefined;

  constructor(location: Location, options: AgentOptions) {
    super(options);
    this.#location = location;
  }

  override createConnection(_options: object, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    const opening = connectProven(this.#location, (error, socket, hello) => {
      this.#opening.delete(opening);
      if (hello) this.lastHello = hello;
      // node's own type leaves out that the stream is missing after an error
      callback?.(error, socket as Duplex);
    });
    this.#opening.add(opening);
  }

  /** Also the connections that are not proven yet, which the agent does not know: they would keep the process alive. */
  override destroy(): void {
    super.destroy();
    for (const socket of this.#opening) socket.destroy();
  }
}

export interface CallOptions {
  /** Bearer value of a session; operations of the machine and the operator take the machine key by themselves. */
  token?: string;
  signal?: AbortSignal;
  /** How long the call may take; by default {@link ANSWER_TIMEOUT_MS} and the time for which it is held. */
  timeoutMs?: number;
}

export class BrokerClient {
  readonly location: Location;
  readonly #agent: ProvenAgent;

  constructor(location: Location) {
    this.location = location;
    // scheduling fifo spreads nothing: a session has one held request and a few short ones
    this.#agent = new ProvenAgent(location, { keepAlive: true, maxFreeSockets: 4 });
  }

  /**
   * Opens a fresh connection and returns what the broker says of itself.
   * @throws PeersError as {@link connectProven}, within three seconds
   */
  hello(): Promise<Hello> {
    return new Promise((resolve, reject) => {
      connectProven(this.location, (error, socket, hello) => {
        socket?.destroy();
        if (error || !hello) reject(error);
        else resolve(hello);
      });
    });
  }

  /** The version of the broker at the other end of the newest connection. */
  get brokerVersion(): string | undefined {
    return this.#agent.lastHello?.version;
  }

  /**
   * Calls one operation of the contract.
   * @throws PeersError with the broker's own code, one of {@link hello}'s when it cannot be reached, `secret_missing`,
   * or `broker_unresponsive` when no answer comes in time: the broker may still do what was asked
   */
  async call<N extends OperationName>(name: N, body: Request<N>, options: CallOptions = {}): Promise<Response<N>> {
    const operation = operations[name];
    const payload = JSON.stringify(body);
    // JSON.stringify escapes lone surrogates, which UTF-8 cannot carry
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
    };
    const bearer =
      options.token ?? (operation.caller === 'anyone' ? undefined : machineKey(readSecret(this.location.home)));
    if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;

    const { status, text } = await this.#post(operation.path, headers, payload, {
      timeoutMs: heldMs(body) + ANSWER_TIMEOUT_MS,
      ...options,
    });
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      throw unavailable(this.location.port, error);
    }
    if (status === 200) return parsed as Response<N>;
    throw PeersError.fromBody((parsed as { error: ErrorBody }).error);
  }

  #post(
    path: string,
    headers: Record<string, string | number>,
    payload: string,
    { signal, timeoutMs }: { signal?: AbortSignal; timeoutMs: number },
  ): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        clearTimeout(timer);
        if (signal?.aborted)
          reject(
            new PeersError('cancelled', 'The call was cancelled.', 'Call again if you still need it.', {
              cause: error,
            }),
          );
        else reject(error instanceof PeersError ? error : unavailable(this.location.port, error));
      };
      const timer = setTimeout(() => {
        fail(unanswered(this.location.port, timeoutMs));
        request.destroy();
      }, timeoutMs);
      const request = httpRequest(
        {
          host: '127.0.0.1',
          port: this.location.port,
          path,
          method: 'POST',
          agent: this.#agent,
          headers,
          ...(signal ? { signal } : {}),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', fail);
          response.on('end', () => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
          });
        },
      );
      request.on('error', fail);
      request.end(payload);
    });
  }

  /**
   * Begins to read a stream (`event-stream.ts`).
   * @returns the response, whose body is the stream; destroy it when it is not read any more
   * @throws PeersError as {@link call}
   */
  open(
    path: string,
    headers: Record<string, string>,
    { token, signal }: Pick<CallOptions, 'token' | 'signal'> = {},
  ): Promise<IncomingMessage> {
    const { port, home } = this.location;
    return new Promise((resolve, reject) => {
      const bearer = token ?? machineKey(readSecret(home));
      const options = { host: '127.0.0.1', port, path, agent: this.#agent, ...(signal ? { signal } : {}) };
      const request = httpRequest({ ...options, headers: { ...headers, authorization: `Bearer ${bearer}` } });
      const timer = setTimeout(() => request.destroy(unanswered(port, ANSWER_TIMEOUT_MS)), ANSWER_TIMEOUT_MS);
      request.once('error', (error) => {
        clearTimeout(timer);
        reject(error instanceof PeersError ? error : unavailable(port, error));
      });
      request.once('response', async (response) => {
        clearTimeout(timer);
        if (response.statusCode === 200) return resolve(response);
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of response) chunks.push(chunk as Buffer);
          const { error } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { error: ErrorBody };
          reject(PeersError.fromBody(error));
        } catch (error) {
          reject(unavailable(port, error));
        }
      });
      request.end();
    });
  }

  /** Closes the connections; calls under way fail. */
  close(): void {
    this.#agent.destroy();
  }
}

/** How long the request asks the broker to hold it. The broker refuses longer times at once, so they count no further. */
function heldMs(body: object): number {
  return 'wait_ms' in body && typeof body.wait_ms === 'number' ? Math.min(Math.max(body.wait_ms, 0), INBOX_HOLD_MS) : 0;
}

function unanswered(port: number, ms: number): PeersError {
  return new PeersError(
    'broker_unresponsive',
    `The broker on 127.0.0.1:${port} has not answered within ${Math.round(ms / 1000)} s.`,
    'It is stopped or too busy, and may still do what was asked once it goes on: look before you repeat it.',
  );
}
