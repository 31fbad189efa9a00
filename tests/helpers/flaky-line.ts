/**
 * A line between a session and its broker that breaks when the test says so: it stands on a port of its own, proves
 * itself as the broker would (the test knows the secret), and hands requests on.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { operations } from '../../shared/contract/index.ts';
import { brokerProof, readSecret } from '../../shared/secret.ts';
import { freePort, type Sandbox } from './sandbox.ts';

/** An answer of the broker on its way to the session. */
export interface Passing {
  readonly path: string;
  readonly body: unknown;
}

export class FlakyLine {
  readonly port: number;
  readonly #box: Sandbox;
  readonly #server: Server;
  /** Answers that match are not handed on: the connection breaks instead. */
  breaksAt: (answer: Passing) => boolean = () => false;
  /** Answers that got lost. */
  readonly lost: Passing[] = [];

  private constructor(box: Sandbox, port: number) {
    this.#box = box;
    this.port = port;
    this.#server = createServer((incoming, response) => {
      this.#pass(incoming, response).catch(() => response.destroy());
    });
  }

  static async open(box: Sandbox): Promise<FlakyLine> {
    const line = new FlakyLine(box, await freePort());
    line.#server.listen(line.port, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = incoming.url ?? '';
    const sent = await read(incoming);
    const { port } = this.#box.location;
    const { 'content-type': type, authorization } = incoming.headers;
    const headers = {
      host: `127.0.0.1:${port}`,
      'content-type': type,
      'content-length': sent.length,
      ...(authorization === undefined ? {} : { authorization }),
    };
    const onward = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent: false });
    // what the session lets go of, the broker must see go
    response.once('close', () => onward.destroy());
    onward.end(sent);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const received = await read(answer);
    let body = JSON.parse(received.toString('utf8')) as Record<string, unknown>;
    if (path === operations.hello.path) {
      const { nonce } = JSON.parse(sent.toString('utf8')) as { nonce: string };
      body = { ...body, proof: brokerProof(readSecret(this.#box.location.home), nonce, this.port) };
    }
    if (this.breaksAt({ path, body })) {
      this.lost.push({ path, body });
      response.destroy();
      return;
    }
    const text = Buffer.from(JSON.stringify(body));
    response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json', 'content-length': text.length });
    response.end(text);
  }
}

async function read(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
