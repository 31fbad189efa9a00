/** `GET /v1/events`: what happens, live, as server-sent events; with `Last-Event-ID` from there on. */
import type { BrokerEvent } from '../../shared/contract/types.ts';
import { PeersError } from '../../shared/errors.ts';
import type { Actor, Deps } from '../deps.ts';
import { type Cursor, formatCursor, parseCursor } from '../store/events.ts';

/** Whoever listens learns within this time that the connection is gone; ms. */
const HEARTBEAT_MS = 15_000;

function frame({ cursor, ...event }: BrokerEvent): string {
  return `id: ${cursor}\nevent: ${event.kind}\ndata: ${JSON.stringify({ cursor, ...event })}\n\n`;
}

type EventDeps = Pick<Deps, 'store' | 'feed' | 'bus' | 'stopping' | 'log'>;

/**
 * The operator gets all events, a session those that concern its peer. The first frame, `open`, carries the place from
 * which on everything follows.
 * @param after a cursor as an event had it; undefined: from now on
 * @throws PeersError `invalid_request`, `cursor_expired`
 */
export async function eventStream(
  { store, feed, bus, stopping, log }: EventDeps,
  actor: Actor,
  after: string | undefined,
  gone: AbortSignal,
): Promise<Response> {
  const start = await startOf(store, after);
  const over = new AbortController();
  const end = () => over.abort();
  gone.addEventListener('abort', end, { once: true });
  stopping.addEventListener('abort', end, { once: true });
  const unsubscribes =
    actor.is === 'session'
      ? (['session-ended', 'session-moved'] as const).map((kind) => bus.subscribe(kind, actor.session.id, end))
      : [];
  if (gone.aborted || stopping.aborted) end();

  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  const write = (text: string) => writer.write(encoder.encode(text));
  const heartbeat = setInterval(() => void write(': \n\n').catch(end), HEARTBEAT_MS);

  const pump = async () => {
    try {
      await write(`retry: 1000\nid: ${formatCursor(start)}\nevent: open\ndata: {}\n\n`);
      const of = actor.is === 'session' ? actor.peer_id : undefined;
      for await (const events of feed.follow(start, of, over.signal)) await write(events.map(frame).join(''));
      await writer.close();
    } catch (error) {
      // a reader that has gone is no failure; whatever else ends the stream, and the reader comes back to its place
      if (!over.signal.aborted) log.warn({ err: error }, 'a stream of events ended');
      await writer.abort().catch(() => {});
    } finally {
      clearInterval(heartbeat);
      for (const unsubscribe of unsubscribes) unsubscribe();
      gone.removeEventListener('abort', end);
      stopping.removeEventListener('abort', end);
    }
  };
  void writer.closed.catch(end);
  void pump();
  return new Response(readable, {
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
  });
}

async function startOf(store: Deps['store'], after: string | undefined): Promise<Cursor> {
  if (after === undefined || after === '') return store.read((u) => u.events.end());
  const cursor = parseCursor(after);
  if (!cursor) {
    throw new PeersError(
      'invalid_request',
      'That is no cursor of this event log.',
      'Use the id of an event as it came.',
    );
  }
  if (!(await store.read((u) => u.events.reachesBackTo(cursor)))) {
    throw new PeersError(
      'cursor_expired',
      'Events after that one have been deleted: the log goes back 24 hours.',
      'Read what you need anew, and follow from now on.',
    );
  }
  return cursor;
}
