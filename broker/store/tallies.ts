/** Counts that are kept as things change: counting the rows would take longer the more there are. */
import { sql } from 'kysely';
import { prepared } from './prepared.ts';
import type { TalliesTable } from './schema.ts';
import type { UnitOfWork } from './unit.ts';

const addTo = prepared((db, row: TalliesTable) =>
  db
    .insertInto('tallies')
    .values({ name: row.name, instance_id: row.instance_id, n: row.n })
    .onConflict((conflict) =>
      conflict.columns(['name', 'instance_id']).doUpdateSet({ n: sql<number>`tallies.n + excluded.n` }),
    ),
);

export class Tallies {
  readonly #u: UnitOfWork;

  constructor(unit: UnitOfWork) {
    this.#u = unit;
  }

  /** Messages were confirmed; a negative number: confirmed messages were deleted. */
  async addConfirmed(n: number): Promise<void> {
    if (n !== 0) await addTo(this.#u.db, { name: 'confirmed', instance_id: this.#u.instance_id, n });
  }

  async confirmed(): Promise<number> {
    const row = await this.#u.db
      .selectFrom('tallies')
      .select(({ fn }) => fn.sum<number>('n').as('n'))
      .where('name', '=', 'confirmed')
      .executeTakeFirst();
    return Number(row?.n ?? 0);
  }
}
