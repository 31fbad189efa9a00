/** Whether a mailbox has room, without counting it for each message. */
import { MAILBOX_MAX_WAITING } from '../../shared/limits.ts';
import { unread } from './common.ts';
import type { Db } from './unit.ts';

/** Other brokers and other ways than sending fill mailboxes too: a count is believed for so long. */
const BELIEVED_MS = 1_000;

interface Count {
  /** Messages that surely still fit, as far as this broker's sends go. */
  sure: number;
  readonly until: number;
}

export class MailboxRoom {
  readonly #counts = new Map<string, Count>();

  /**
   * Takes room for one message; false when the mailbox is full.
   * @param now ms, monotonic or not: only differences count
   * @param coming messages that took room before this one and are not in the database yet
   */
  async take(db: Db, peer_id: string, now: number, coming: number): Promise<boolean> {
    let count = this.#counts.get(peer_id);
    if (!count || count.sure <= 0 || now >= count.until || now < count.until - BELIEVED_MS) {
      count = { sure: MAILBOX_MAX_WAITING - (await unread(db, peer_id)) - coming, until: now + BELIEVED_MS };
      this.#counts.set(peer_id, count);
    }
    if (count.sure <= 0) return false;
    count.sure -= 1;
    return true;
  }
}
