/** An HTTP server on loopback that stands in for a vendor's model: logs what reached it and answers by script. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventLog, named, type Wait, withResolvers } from '../harness/event-log.ts';
import { type Conversation, decide, news, type Reply, textOf } from './conversation.ts';

/** One vendor's wire format. */
export interface Dialect {
  readonly vendor: string;
  /** The path, without query, on which turns are asked for. */
  readonly turnPath: string;
  /** @throws when the body is not what this vendor's clients send */
  read(body: unknown): Conversation;
  /** Streams the answer as server-sent events, with a serial number to make ids from. */
  write(reply: Reply, serial: number): readonly ServerSentEvent[];
  /** The small requests around turns: model lists, token counts. `undefined` answers 404. */
  aside(path: string): unknown;
}

export interface ServerSentEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** A request for a turn, as the model saw it. */
export interface ModelRequest extends Conversation {
  /** All text of the conversation so far. */
  readonly text: string;
  /** The text that came since the model last spoke. */
  readonly news: string;
  readonly reply: Reply;
}

/** The gate in front of the model's answers, shut by `hold()`. */
export interface Hold {
  release(): void;
}

export class ScriptedModel {
  readonly requests: EventLog<ModelRequest>;
  /** Added before every answer, for tests that need a turn to last. */
  delayMs = 0;
  readonly #dialect: Dialect;
  readonly #server: Server;
  #gate: Promise<void> = Promise.resolve();
  #serial = 0;

  private constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.requests = new EventLog(`${dialect.vendor} model`, describe);
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.requests.close(`the scripted model failed: ${String(error)}`);
        response.destroy();
      });
    });
  }

  static async start(dialect: Dialect): Promise<ScriptedModel> {
    const model = new ScriptedModel(dialect);
    const listening = withResolvers<void>();
    model.#server.once('error', listening.reject).listen(0, '127.0.0.1', () => listening.resolve());
    await listening.promise;
    return model;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The first request whose news contains the text, or for which the predicate holds. */
  until(seen: string | ((request: ModelRequest) => boolean), wait?: Wait): Promise<ModelRequest> {
    return this.requests.until(
      typeof seen === 'string' ? named((request) => request.news.includes(seen), JSON.stringify(seen)) : seen,
      wait,
    );
  }

  /** How often the model was told this as something new. */
  timesTold(text: string): number {
    return this.requests.all.filter(({ news }) => news.includes(text)).length;
  }

  /** The first tool response with this text in it that reached the model. */
  async toolResponse(text: string, wait?: Wait): Promise<string> {
    const response = ({ entries }: ModelRequest) =>
      entries.find((entry) => entry.role === 'tool' && entry.text.includes(text));
    const matches = named(
      (request: ModelRequest) => response(request) !== undefined,
      `a tool response with ${JSON.stringify(text)}`,
    );
    return response(await this.requests.until(matches, wait))?.text ?? '';
  }

  /** Keeps every turn open that starts from now on, until released. */
  hold(): Hold {
    const { promise, resolve } = withResolvers<void>();
    this.#gate = promise;
    return { release: () => resolve() };
  }

  async close(): Promise<void> {
    this.requests.close('the scripted model was closed');
    const closed = withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const body = await readBody(request);
    if (path !== this.#dialect.turnPath || request.method !== 'POST') {
      const answer = this.#dialect.aside(path);
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer ?? { error: { message: `The scripted model has no ${path}.` } }));
      return;
    }
    const serial = ++this.#serial;
    const conversation = this.#dialect.read(JSON.parse(body));
    const reply = decide(conversation);
    const errand = conversation.tools.length === 0;
    const gate = this.#gate;
    if (!errand) {
      this.requests.push({
        ...conversation,
        text: textOf(conversation.entries),
        news: textOf(news(conversation)),
        reply,
      });
      await gate;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    for (const event of this.#dialect.write(reply, serial)) {
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  }
}

function describe(request: ModelRequest): string {
  const reply =
    request.reply.kind === 'call'
      ? `calls ${request.reply.tool.name} ${JSON.stringify(request.reply.input)}`
      : request.reply.text;
  return `${JSON.stringify(request.news.slice(-600))} -> ${reply}`;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
