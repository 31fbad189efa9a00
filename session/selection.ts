/** What one response carries of the messages that wait, and in which order it shows them. */
import type { InboxMessage } from '../shared/contract/types.ts';
import { byteLength } from '../shared/text.ts';
import { type Frame, renderMessage } from './present.ts';

export type Filter = (message: InboxMessage) => boolean;

export interface Selection {
  /** In the order in which they are shown. */
  readonly messages: readonly InboxMessage[];
  /** Those that did not fit. */
  readonly left: number;
}

/** A message that does not fit whole is cut where there is at least so much room, else it waits for the next response. */
const PART_MIN_BYTES = 2 * 1024;

/**
 * The first of those that were waited for, then critical ones, then from each sender in turn, so that one sender's flood
 * leaves room for the others. One that is longer than the room comes alone, in part.
 * @param waiting in the order of arrival
 * @param room bytes, as rendered
 * @param awaited what a tool call waited for
 */
export function select(waiting: readonly InboxMessage[], room: number, frame: Frame, awaited?: Filter): Selection {
  const ranked = rank(waiting, awaited);
  const chosen: Ranked[] = [];
  let free = room;
  for (const item of ranked) {
    const bytes = wholeBytes(item.message, frame);
    const isCut = bytes > free;
    if (isCut && (chosen.length > 0 || room < PART_MIN_BYTES)) break;
    chosen.push(item);
    free -= bytes;
    if (isCut) break;
  }
  return {
    messages: chosen.sort(forReading).map(({ message }) => message),
    left: ranked.length - chosen.length,
  };
}

/** With the line break before it. */
function wholeBytes(message: InboxMessage, frame: Frame): number {
  return byteLength(renderMessage(message, Number.POSITIVE_INFINITY, frame)) + 1;
}

interface Ranked {
  readonly message: InboxMessage;
  /** Lower ones come first; see {@link RANK}. */
  readonly rank: number;
  /** How many of its sender's are before it. */
  readonly place: number;
}

const RANK = { leads: 0, critical: 1, awaited: 2, other: 3 } as const;

export function isCritical({ priority }: InboxMessage): boolean {
  return priority === 'critical';
}

function rank(waiting: readonly InboxMessage[], awaited: Filter = () => false): Ranked[] {
  const leads = waiting.filter(awaited).sort(byUrgency)[0];
  const places = new Map<string, number>();
  return waiting
    .map((message) => {
      const place = places.get(message.from.id) ?? 0;
      places.set(message.from.id, place + 1);
      if (message === leads) return { message, place, rank: RANK.leads };
      if (isCritical(message)) return { message, place, rank: RANK.critical };
      return { message, place, rank: awaited(message) ? RANK.awaited : RANK.other };
    })
    .sort((a, b) => a.rank - b.rank || a.place - b.place || a.message.seq - b.message.seq);
}

/** Critical ones first, else as they arrived: the clock may have jumped since. */
export function byUrgency(a: InboxMessage, b: InboxMessage): number {
  return Number(isCritical(b)) - Number(isCritical(a)) || a.seq - b.seq;
}

function forReading(a: Ranked, b: Ranked): number {
  const leads = Number(b.rank === RANK.leads) - Number(a.rank === RANK.leads);
  return leads || byUrgency(a.message, b.message);
}
