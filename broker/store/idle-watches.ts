/** Who wants one message when a peer falls idle or leaves. */
import type { UnitOfWork } from './unit.ts';

export class IdleWatches {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Asking twice is asking once. */
  async add(peer_id: string, watcher_id: string): Promise<void> {
    await this.#insert(peer_id, watcher_id, this.#u.now);
  }

  /** Those who asked about this peer: they are told in the same unit, so nobody is forgotten or told twice. */
  async take(peer_id: string): Promise<string[]> {
    const rows = await this.#u.db
      .deleteFrom('idle_watches')
      .where('peer_id', '=', peer_id)
      .returning(['watcher_id', 'created_at'])
      .execute();
    return rows.sort((a, b) => a.created_at - b.created_at).map(({ watcher_id }) => watcher_id);
  }

  /** One peer turned out to be another: what was wished of it, or by it, is that one's. */
  async move(from: string, to: string): Promise<void> {
    const moving = await this.#u.db
      .deleteFrom('idle_watches')
      .where((eb) => eb.or([eb('peer_id', '=', from), eb('watcher_id', '=', from)]))
      .returningAll()
      .execute();
    const now = (id: string) => (id === from ? to : id);
    for (const { peer_id, watcher_id, created_at } of moving) {
      if (now(peer_id) !== now(watcher_id)) await this.#insert(now(peer_id), now(watcher_id), created_at);
    }
  }

  async #insert(peer_id: string, watcher_id: string, created_at: number): Promise<void> {
    await this.#u.db
      .insertInto('idle_watches')
      .values({ peer_id, watcher_id, created_at })
      .onConflict((conflict) => conflict.columns(['peer_id', 'watcher_id']).doNothing())
      .execute();
  }
}
