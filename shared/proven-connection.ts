/**
 * A TCP connection on which the broker has proved that it knows the user's secret. Nothing else goes over it before, so
 * a stranger on the port learns nothing.
 */
import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import type { Location } from './config.ts';
import { operations, type Response } from './contract/index.ts';
import { PeersError } from './errors.ts';
import { brokerProof, equalSecrets, readSecret, secretPath } from './secret.ts';

/** How long a connection may take, with the proof. */
export const HELLO_TIMEOUT_MS = 3_000;
const HELLO_MAX_BYTES = 16 * 1024;
const STATUS_LINE = 'HTTP/1.1 200';

export type Hello = Response<'hello'>;

/**
 * Opens a connection and lets the broker prove itself on it. Calls `done` once.
 * @throws nothing; `done` gets a PeersError: `broker_unavailable` where nothing listens, `broker_unresponsive` where
 * nothing answers, `port_in_use` for an answer that is not a broker's, `broker_unproven`, `secret_unsafe`
 */
export function connectProven(
  location: Location,
  done: (error: Error | null, socket?: Socket, hello?: Hello) => void,
): Socket {
  const { home, port } = location;
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
    try {
      const hello = parseHello(received, port);
      if (!hello) return;
      assertProven(hello, home, nonce, port);
      finish(null, hello);
    } catch (error) {
      finish(error as Error);
    }
  };
  // silence proves nothing: a broker that is stopped, or waits for its memory, is silent too
  const timer = setTimeout(() => finish(unresponsive(port, HELLO_TIMEOUT_MS)), HELLO_TIMEOUT_MS);

  socket.on('error', onError).on('close', onClose).on('data', onData);
  socket.once('connect', () => {
    const body = JSON.stringify({ nonce });
    socket.write(
      `POST ${operations.hello.path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  return socket;
}

/** @returns undefined while bytes are missing. @throws PeersError `port_in_use` for what is not a broker's answer */
function parseHello(received: Buffer, port: number): Hello | undefined {
  try {
    const body = received.length > HELLO_MAX_BYTES ? '' : completeBody(received);
    if (body === undefined) return undefined;
    const hello = JSON.parse(body) as Hello;
    if (hello.service !== 'agent-peers') throw new Error('it answers something else');
    return hello;
  } catch (error) {
    throw foreignListener(port, error instanceof Error ? error.message.slice(0, 80) : 'unknown', error);
  }
}

/** The body of one complete HTTP/1.1 answer with a Content-Length, or undefined while bytes are missing. */
function completeBody(received: Buffer): string | undefined {
  const text = received.toString('latin1');
  if (!STATUS_LINE.startsWith(text.slice(0, STATUS_LINE.length))) throw new Error(text.split(/[\r\n]/, 1)[0]);
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, end))?.[1];
  if (length === undefined) throw new Error('its answer has no length');
  const body = received.subarray(end + 4);
  return body.length < Number(length) ? undefined : body.toString('utf8');
}

function assertProven(hello: Hello, home: string, nonce: string, port: number): void {
  let secret: Buffer;
  try {
    secret = readSecret(home);
  } catch (error) {
    if (!(error instanceof PeersError) || error.code !== 'secret_missing') throw error;
    throw new PeersError(
      'broker_unproven',
      `The broker on port ${port} is not yours: yours would have made ${secretPath(home)}, which does not exist.`,
      'Set AGENT_PEERS_PORT to a port of your own; or set AGENT_PEERS_HOME as it was when that broker started, or end it. If you have just deleted the secret, your broker ends by itself within ten seconds.',
      { cause: error },
    );
  }
  if (equalSecrets(hello.proof, brokerProof(secret, nonce, port))) return;
  throw new PeersError(
    'broker_unproven',
    `The broker on port ${port} does not know your secret: it belongs to another user, or was started with another AGENT_PEERS_HOME.`,
    'Set AGENT_PEERS_PORT to a port of your own; or set AGENT_PEERS_HOME as it was when that broker started, or end it.',
  );
}

export function unavailable(port: number, cause: unknown): PeersError {
  const reason = (cause as NodeJS.ErrnoException)?.code ?? (cause instanceof Error ? cause.message : String(cause));
  return new PeersError(
    'broker_unavailable',
    `No broker answers on 127.0.0.1:${port} (${reason}).`,
    'Any session with AGENT_PEERS_ENABLED=1 starts one; broker.log in ~/.agent-peers (or AGENT_PEERS_HOME) says why one ended.',
    { cause },
  );
}

/** @param ms how long it has been waited for */
export function unresponsive(port: number, ms: number): PeersError {
  return new PeersError(
    'broker_unresponsive',
    `Port ${port} of 127.0.0.1 is held, but nothing there has answered for ${ms / 1000} s.`,
    'A broker that is stopped, or a machine that is too busy, goes on by itself: try again; agent-peers doctor names the process. If it is another program, set AGENT_PEERS_PORT to a free port, for every session alike.',
  );
}

function foreignListener(port: number, what: string, cause?: unknown): PeersError {
  return new PeersError(
    'port_in_use',
    `Port ${port} of 127.0.0.1 is held by something that is not an agent-peers broker (${what}).`,
    'Set AGENT_PEERS_PORT to a free port, for every session alike, or stop that program.',
    { cause },
  );
}
