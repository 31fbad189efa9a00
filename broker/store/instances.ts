/** The broker processes that work on this database: each has a row and a heartbeat. */
import type { UnitOfWork } from './unit.ts';

export interface Instance {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export class Instances {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  async start({ id, host, pid }: Instance): Promise<void> {
    const { db, now } = this.#u;
    await db.insertInto('instances').values({ id, host, pid, started_at: now, heartbeat_at: now }).execute();
  }

  /** @returns false where others have taken this one for dead, and its sessions with it */
  async beat(): Promise<boolean> {
    const { db, now, instance_id } = this.#u;
    const beaten = await db
      .updateTable('instances')
      .set({ heartbeat_at: now })
      .where('id', '=', instance_id)
      .returning('id')
      .execute();
    return beaten.length > 0;
  }

  /** Brokers that have been silent since, and not this one. */
  async silentSince(cut: number): Promise<string[]> {
    const { db, instance_id } = this.#u;
    const rows = await db
      .selectFrom('instances')
      .select('id')
      .where('heartbeat_at', '<', cut)
      .where('id', '!=', instance_id)
      .execute();
    return rows.map(({ id }) => id);
  }

  /** Those of this host, with their process: whoever runs beside them can see whether they still run. */
  async onHost(host: string): Promise<Instance[]> {
    return this.#u.db.selectFrom('instances').select(['id', 'host', 'pid']).where('host', '=', host).execute();
  }

  /** It has ended, or is dead. */
  async remove(id: string): Promise<void> {
    await this.#u.db.deleteFrom('instances').where('id', '=', id).execute();
  }
}
