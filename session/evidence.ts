/**
 * Watches what the client does with tool responses: one that it takes is evidence for the messages in it. Taken means
 * that the client speaks next without cancelling that call, or stays silent for a while after the response went out.
 */
import { RESPONSE_TAKEN_MS } from '../shared/limits.ts';
import type { Message, RequestId } from './json-rpc.ts';

interface Carried {
  readonly message_ids: readonly string[];
  readonly evidence: 'tool-response' | 'hook';
  /** Set once the response has left this process. */
  timer: NodeJS.Timeout | undefined;
}

export interface Outcome {
  taken(message_ids: readonly string[], evidence: 'tool-response' | 'hook'): void;
  thrownAway(message_ids: readonly string[]): void;
}

export class Evidence {
  readonly #outcome: Outcome;
  readonly #carried = new Map<RequestId, Carried>();

  constructor(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** The response to this request carries these messages. */
  carries(request: RequestId, message_ids: readonly string[], evidence: 'tool-response' | 'hook'): void {
    if (message_ids.length > 0) this.#carried.set(request, { message_ids, evidence, timer: undefined });
  }

  /** The response has left this process. */
  flushed(request: RequestId): void {
    const carried = this.#carried.get(request);
    if (!carried) return;
    carried.timer = setTimeout(() => this.#take(request), RESPONSE_TAKEN_MS);
    carried.timer.unref();
  }

  /** The response could not be sent. */
  failed(request: RequestId): void {
    const carried = this.#remove(request);
    if (carried) this.#outcome.thrownAway(carried.message_ids);
  }

  /** The client said something. */
  heard(message: Message): void {
    if (this.#carried.size === 0) return;
    if (message.method === 'notifications/cancelled') {
      this.failed(message.params?.['requestId'] as RequestId);
      return;
    }
    for (const [request, { timer }] of this.#carried) if (timer !== undefined) this.#take(request);
  }

  #take(request: RequestId): void {
    const carried = this.#remove(request);
    if (carried) this.#outcome.taken(carried.message_ids, carried.evidence);
  }

  #remove(request: RequestId): Carried | undefined {
    const carried = this.#carried.get(request);
    if (carried) {
      clearTimeout(carried.timer);
      this.#carried.delete(request);
    }
    return carried;
  }
}
