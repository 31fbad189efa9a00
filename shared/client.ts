/**
 * The typed client of the broker. Every TCP connection first makes the broker prove that it knows the user's
 * secret, before a token or a message goes over it: a stranger on the port learns nothing.
 */
import { randomBytes } from 'node:crypto';
import { Agent, type AgentOptions, request as httpRequest } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Location } from './config.ts';
import { type OperationName, operations, type Request, type Response } from './contract/index.ts';
import { type ErrorBody, PeersError } from './errors.ts';
import { brokerProof, equalSecrets, machineKey, readSecret } from './secret.ts';

const HELLO_TIMEOUT_MS = 3_000;
const HELLO_MAX_BYTES = 16 * 1024;

export type Hello = Response<'hello'>;

function foreignListener(port: number, what: string, cause?: unknown): PeersError {
  return new PeersError(
    'port_in_use',
    `Port ${port} of 127.0.0.1 is held by something that is not an agent-peers broker (${what}).`,
    'Set AGENT_PEERS_PORT to a free port, for every session alike, or stop that program.',
    { cause },
  );
}

function unavailable(port: number, cause: unknown): PeersError {
  const reason = (cause as NodeJS.ErrnoException)?.code ?? (cause instanceof Error ? cause.message : String(cause));
  return new PeersError(
    'broker_unavailable',
    `No broker answers on 127.0.0.1:${port} (${reason}).`,
    'Any session with AGENT_PEERS_ENABLED=1 starts one; broker.log in ~/.agent-peers (or AGENT_PEERS_HOME) says why one ended.',
    { cause },
  );
}

/** The body of one complete HTTP/1.1 answer with a Content-Length, or undefined while bytes are missing. */
function completeBody(received: Buffer): string | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = received.subarray(0, end).toString('latin1');
  const length = /^content-length: *(\d+)/im.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200') || length === undefined) throw new Error(head.split('\r\n', 1)[0] || 'no HTTP');
  const body = received.subarray(end + 4);
  return body.length < Number(length) ? undefined : body.toString('utf8');
}

/** Opens a connection and has the broker prove itself on it. */
function connectProven(
  location: Location,
  done: (error: Error | null, socket?: Socket, hello?: Hello) => void,
): Socket {
  const { port } = location;
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  const nonce = randomBytes(24).toString('base64url');
  let received: Buffer = Buffer.alloc(0);

  const finish = (error: Error | null, hello?: Hello) => {
    clearTimeout(timer);
    socket.removeListener('data', onData).removeListener('error', onError).removeListener('close', onClose);
    if (error) {
      socket.on('error', () => {});
      socket.destroy();
      done(error);
    } else done(null, socket, hello);
  };
  const onError = (error: Error) => finish(unavailable(port, error));
  const onClose = () =>
    finish(
      received.length === 0
        ? unavailable(port, new Error('connection closed'))
        : foreignListener(port, 'it closed the connection'),
    );
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    let hello: Hello;
    try {
      const body = received.length > HELLO_MAX_BYTES ? '' : completeBody(received);
      if (body === undefined) return;
      hello = JSON.parse(body) as Hello;
      if (hello.service !== 'agent-peers') throw new Error('it answers something else');
    } catch (error) {
      return finish(foreignListener(port, error instanceof Error ? error.message.slice(0, 80) : 'unknown', error));
    }
    try {
      if (!equalSecrets(hello.proof, brokerProof(readSecret(location.home), nonce, port))) {
        throw new PeersError(
          'broker_unproven',
          `The broker on port ${port} does not know your secret: it belongs to another user, or was started with another AGENT_PEERS_HOME.`,
          'Set AGENT_PEERS_PORT to a port of your own, or end that broker.',
        );
      }
    } catch (error) {
      return finish(error as Error);
    }
    finish(null, hello);
  };
  const timer = setTimeout(() => finish(foreignListener(port, 'it does not answer')), HELLO_TIMEOUT_MS);

  socket.on('error', onError).on('close', onClose).on('data', onData);
  socket.once('connect', () => {
    const body = JSON.stringify({ nonce });
    socket.write(
      `POST ${operations.hello.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return socket;
}

/** Keeps proven connections only. */
class ProvenAgent extends Agent {
  readonly #location: Location;
  lastHello: Hello | undefined;

  constructor(location: Location, options: AgentOptions) {
    super(options);
    this.#location = location;
  }

  override createConnection(_options: object, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    connectProven(this.#location, (error, socket, hello) => {
      if (hello) this.lastHello = hello;
      // node's own type leaves out that the stream is missing after an error
      callback?.(error, socket as Duplex);
    });
  }
}

export interface CallOptions {
  /** Bearer value of a session; operations of the machine and the operator take the machine key by themselves. */
  token?: string;
  signal?: AbortSignal;
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
   * @throws PeersError `broker_unavailable`, `port_in_use`, `broker_unproven`, `secret_missing`, `secret_unsafe`
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
   * @throws PeersError with the broker's own code, or one of {@link hello}'s when it cannot be reached
   */
  async call<N extends OperationName>(name: N, body: Request<N>, options: CallOptions = {}): Promise<Response<N>> {
    const operation = operations[name];
    const payload = JSON.stringify(body);
    // a lone surrogate or a number from outside JSON never leaves as something else: JSON.stringify escapes both
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
    };
    const bearer =
      options.token ?? (operation.caller === 'anyone' ? undefined : machineKey(readSecret(this.location.home)));
    if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`;

    const { status, text } = await this.#post(operation.path, headers, payload, options.signal);
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      throw unavailable(this.location.port, error);
    }
    if (status === 200) return parsed as Response<N>;
    throw PeersError.fromBody((parsed as { error: ErrorBody }).error);
  }

  #post(path: string, headers: Record<string, string | number>, payload: string, signal: AbortSignal | undefined) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const fail = (error: Error) => {
        if (signal?.aborted)
          reject(
            new PeersError('cancelled', 'The call was cancelled.', 'Call again if you still need it.', {
              cause: error,
            }),
          );
        else reject(error instanceof PeersError ? error : unavailable(this.location.port, error));
      };
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
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
          );
        },
      );
      request.on('error', fail);
      request.end(payload);
    });
  }

  /** Closes the connections; calls under way fail. */
  close(): void {
    this.#agent.destroy();
  }
}
