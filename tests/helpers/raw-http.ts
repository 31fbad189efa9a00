/** HTTP as bytes, so that a test can send what no client would. */
import { createConnection } from 'node:net';

/** How long a server may take with anything a test sends it. */
const DEADLINE_MS = 10_000;

export interface RawAnswer {
  /** 0 where the server closed the connection without an answer. */
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Writes the bytes, says that nothing follows, and reads until the server closes the connection. */
export function exchange(port: number, bytes: string | Uint8Array, deadlineMs = DEADLINE_MS): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timer = setTimeout(() => {
      reject(new Error(`no end within ${deadlineMs} ms after ${JSON.stringify(String(bytes).slice(0, 300))}`));
      socket.destroy();
    }, deadlineMs);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // a refused upload is answered and cut off while we still write: what was read until then counts
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(parse(Buffer.concat(chunks).toString('utf8')));
    });
    socket.end(bytes);
  });
}

function parse(text: string): RawAnswer {
  const [headers = '', ...rest] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(headers)?.[1] ?? 0), headers, body: rest.join('\r\n\r\n') };
}

/** A request whose connection ends with it. */
export function request(
  path: string,
  {
    method = 'POST',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): string {
  const all = {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The code of an error answer. */
export function errorCode({ body }: RawAnswer): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined; // not from the broker's own hand
  }
}
