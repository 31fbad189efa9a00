/** Waits a moment for what becomes of a message, so that its sender is told with the receipt. */
import { deferred } from '../shared/deferred.ts';
import type { Bus } from './bus.ts';
import type { EntryRecord } from './store/messages.ts';

/** Its client can be pushed to, and may be. */
function isPushable({ recipient }: EntryRecord): boolean {
  return recipient.online && recipient.push_route !== 'none' && recipient.status !== 'dnd';
}

/**
 * @param records of one message, one for each recipient
 * @returns the same with the news that came, once all who can be pushed to have some, after `ms`, or when the signal aborts
 */
export async function awaitNews(
  bus: Bus,
  records: readonly EntryRecord[],
  ms: number,
  signal: AbortSignal,
): Promise<readonly EntryRecord[]> {
  const pending = new Set(records.filter(isPushable).map(({ to }) => to.id));
  const [first] = records;
  if (!first || pending.size === 0) return records;
  const told = new Map(records.map((record) => [record.to.id, record]));
  const over = deferred<void>();
  const finish = () => over.resolve();
  const unsubscribe = bus.subscribe('entry', first.message_id, ({ peer_id, news }) => {
    const record = told.get(peer_id);
    if (record) told.set(peer_id, { ...record, entry: { ...record.entry, ...news } });
    pending.delete(peer_id);
    if (pending.size === 0) finish();
  });
  const timer = setTimeout(finish, ms);
  signal.addEventListener('abort', finish, { once: true });
  if (signal.aborted) finish();
  await over.promise;
  clearTimeout(timer);
  unsubscribe();
  signal.removeEventListener('abort', finish);
  return [...told.values()];
}
