/** Whether a mailbox has room, without counting it for each message. */
import { MAILBOX_MAX_WAITING } from '../../../shared/limits.ts';
import type { Db } from './common.ts';
import { unread } from './mailbox.ts';

export class MailboxRoom {
  /** Messages that surely still fit: since the last count only sends have added, and each took one. */
  readonly #sure = new Map<string, number>();

  /**
   * Takes room for one message; false when the mailbox is full.
   * @param coming messages that took room before this one and are not in the database yet
   */
  async take(db: Db, peer_id: string, coming: () => number): Promise<boolean> {
    const sure = this.#sure.get(peer_id) || MAILBOX_MAX_WAITING - (await unread(db, peer_id)) - coming();
    if (sure <= 0) return false;
    this.#sure.set(peer_id, sure - 1);
    return true;
  }

  /** Mail came into mailboxes by another way than sending: count again. */
  forget(): void {
    this.#sure.clear();
  }
}
