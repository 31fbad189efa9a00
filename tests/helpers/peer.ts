/** A peer that speaks the broker's HTTP interface itself, without an MCP server in between. */
import { randomUUID } from 'node:crypto';
import type { BrokerClient } from '../../shared/client.ts';
import type { InboxMessage, OperationName, Receipt, Request, Response } from '../../shared/contract/types.ts';

export class Peer {
  readonly client: BrokerClient;
  readonly token: string;
  readonly id: string;
  readonly name: string;
  readonly session_id: string;
  /** Registers this peer again. */
  readonly credential: string;

  private constructor(client: BrokerClient, registered: Response<'registerSession'>, credential: string) {
    this.client = client;
    this.token = registered.token;
    this.id = registered.peer.id;
    this.name = registered.peer.name;
    this.session_id = registered.session_id;
    this.credential = credential;
  }

  static async register(
    client: BrokerClient,
    name: string | undefined,
    over: Partial<Request<'registerSession'>> = {},
  ): Promise<Peer> {
    const { credential = randomUUID() } = over;
    const registered = await client.call('registerSession', {
      kind: 'other',
      ...(name === undefined ? {} : { name }),
      process: randomUUID(),
      pid: process.pid,
      host: 'host',
      cwd: '/code/app',
      client: { name: 'test', version: '1' },
      push_route: 'none',
      ...over,
      credential,
    });
    return new Peer(client, registered, credential);
  }

  call<N extends OperationName>(name: N, body: Request<N>, signal?: AbortSignal): Promise<Response<N>> {
    return this.client.call(name, body, { token: this.token, ...(signal ? { signal } : {}) });
  }

  send(to: string, message: string, more: Partial<Request<'sendMessage'>> = {}): Promise<Response<'sendMessage'>> {
    return this.call('sendMessage', { to, message, ...more });
  }

  /** What waits now; what this session holds already comes again, since it never says that anything arrived. */
  async waiting(): Promise<InboxMessage[]> {
    return (await this.call('nextMessages', { wait_ms: 0 })).messages;
  }
}

/** What became of a message for its only recipient. */
export function receiptOf({ receipts }: Response<'sendMessage'>): Receipt {
  const [receipt, ...others] = receipts;
  if (!receipt || others.length > 0) throw new Error(`not one receipt: ${JSON.stringify(receipts)}`);
  return receipt;
}

/** The code of the PeersError that this call fails with, or `none`. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}
