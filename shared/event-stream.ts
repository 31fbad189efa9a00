/** Reads the broker's event log as it is written (`GET /v1/events`, server-sent events). */
import { createParser } from 'eventsource-parser';
import type { BrokerClient } from './client.ts';
import type { BrokerEvent } from './contract/types.ts';
import { PeersError } from './errors.ts';

/** The broker says something every 15 s, if only that it lives. */
const SILENCE_MS = 45_000;

export interface FollowOptions {
  /** The cursor of the last event that was read; without it, from now on. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal;
  /** Bearer value of a session; without it, the machine key. */
  readonly token?: string;
}

/** What came together, oldest first. The first page is empty: it says that from its cursor on everything follows. */
export interface EventPage {
  readonly cursor: string;
  readonly events: readonly BrokerEvent[];
}

/**
 * Pages of events, until the stream ends: then go on from the last cursor.
 * @throws PeersError `cursor_expired`, `session_stale`, or why the broker cannot be reached any more
 */
export async function* followEvents(client: BrokerClient, options: FollowOptions = {}): AsyncGenerator<EventPage> {
  const { after, signal, token } = options;
  const headers = after === undefined ? {} : { 'last-event-id': after };
  const response = await client.open('/v1/events', headers, { ...(signal && { signal }), ...(token && { token }) });
  let cursor = after ?? '';
  let events: BrokerEvent[] = [];
  let isNew = false;
  const parser = createParser({
    onEvent: ({ id = '', event, data }) => {
      cursor = id;
      isNew = true;
      if (event !== 'open') events.push(JSON.parse(data) as BrokerEvent);
    },
  });
  response.setEncoding('utf8');
  response.setTimeout(SILENCE_MS, () => response.destroy(ended('it has been silent for too long')));
  try {
    for await (const chunk of response) {
      parser.feed(chunk as string);
      if (!isNew) continue;
      yield { cursor, events };
      events = [];
      isNew = false;
    }
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof PeersError ? error : ended((error as Error).message);
  } finally {
    response.destroy();
  }
  if (!signal?.aborted) throw ended('the broker has ended it');
}

function ended(why: string): PeersError {
  return new PeersError(
    'broker_unavailable',
    `The stream of events is over: ${why}.`,
    'Go on from the last event: nothing is missed.',
  );
}
