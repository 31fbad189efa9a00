/** What this broker does about what was committed, here or by another broker: hands mail over, wakes who waits, ends what is over. */
import type { PeerText } from '../shared/peer-text.ts';
import type { Auth } from './auth.ts';
import type { Bus } from './bus.ts';
import type { Entry } from './core/mailbox.ts';
import type { Feed } from './feed.ts';
import type { Logger } from './log.ts';
import type { NewestRequests } from './newest-request.ts';
import type { Presence } from './presence.ts';
import type { NewEvent } from './store/events.ts';
import type { Store } from './store/store.ts';
import { type Effects, entryKey } from './store/unit.ts';
import type { Waiters } from './waiters.ts';
import type { Hint, WakeBus } from './wake-bus.ts';

export interface ReactionDeps {
  readonly store: Store;
  readonly bus: Bus;
  readonly wakeBus: WakeBus;
  readonly feed: Feed;
  readonly waiters: Waiters;
  readonly newestRequests: NewestRequests;
  readonly presence: Presence;
  readonly auth: Auth;
  readonly log: Logger;
}

/** What is new about an entry, for those who wait for news of it. */
function newsOf({ kind, state }: NewEvent, now: number, push_error: PeerText | null): Partial<Entry> | undefined {
  const push_route = (state ?? null) as Entry['push_route'];
  if (kind === 'message.confirmed') return { state: 'confirmed' };
  if (kind === 'message.pushed') return { pushed_at: now, push_route, push_error: null };
  return kind === 'message.push_failed' ? { push_route, push_error } : undefined;
}

/** @returns ends it */
export function startReactions(deps: ReactionDeps, now: () => number): () => void {
  const { store, bus, wakeBus, feed, waiters, newestRequests, presence, auth, log } = deps;

  const sessionsChanged = ({ ended, moved }: Pick<Effects, 'moved'> & { readonly ended: Iterable<string> }) => {
    for (const session_id of ended) {
      auth.forget(session_id);
      presence.forget(session_id);
      newestRequests.forget(session_id);
      bus.publish({ kind: 'session-ended', session_id });
    }
    for (const [session_id, peer_id] of moved) {
      auth.forget(session_id);
      presence.moved(session_id, peer_id);
      bus.publish({ kind: 'session-moved', session_id });
    }
  };

  const committed = (effects: Effects) => {
    const { events, wakes, handed } = effects;
    waiters.hand(handed);
    sessionsChanged(effects);
    for (const event of events) {
      const { message_id, peer_id } = event;
      if (!message_id) continue;
      const news = newsOf(event, now(), effects.pushErrors.get(entryKey(message_id, peer_id)) ?? null);
      if (news) bus.publish({ kind: 'entry', message_id, peer_id, news });
    }
    for (const peer_id of wakes) bus.publish({ kind: 'mail', peer_id });
    if (events.length > 0) feed.wake();
    wakeBus.publish(outside(effects));
  };

  const hinted = async (hint: Hint) => {
    feed.wake();
    if (hint === 'all') bus.wakeAll();
    else for (const id of hint) bus.publish({ kind: 'mail', peer_id: id });
    const here = [...presence.attached].filter(([id]) => hint === 'all' || hint.has(id));
    if (here.length === 0) return;
    sessionsChanged(await store.read((u) => u.sessions.changed(new Map(here))));
  };

  const ends = [
    store.onCommit(committed),
    wakeBus.subscribe((hint) => {
      hinted(hint).catch((error: unknown) => log.error({ err: error }, 'could not follow a hint of another broker'));
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** The ids that another broker may have somebody waiting for. */
function outside({ events, wakes, ended, moved }: Effects): Set<string> {
  const ids = new Set([...wakes, ...ended, ...moved.keys()]);
  // senders wait for news of what they sent
  for (const { other_id } of events) if (other_id) ids.add(other_id);
  return ids;
}
