/**
 * Queries that are built once. Kysely otherwise builds and compiles a query anew each time it runs; those on a message's
 * way keep their SQL and only get other values.
 */
import type { Compilable, CompiledQuery, DialectAdapter } from 'kysely';
import type { Db } from './common.ts';
import { isChunk, listParameter } from './lists.ts';

/** Stands for a value, or for a list of values, while the query is built. */
class Slot {
  readonly path: readonly string[];

  constructor(path: readonly string[]) {
    this.path = path;
  }

  [Symbol.toPrimitive](): never {
    throw new Error(`a prepared query may only place ${this.path.join('.')}, not compute with it`);
  }
}

type Place = { readonly slot: readonly string[] } | { readonly constant: unknown };

interface Prepared {
  readonly query: CompiledQuery<unknown>;
  readonly places: readonly Place[];
}

type Row = Readonly<Record<string, unknown>>;

/** Rows to insert; a list of values is one parameter (`anyOf` in lists.ts). */
function isRows(value: unknown): value is readonly Row[] {
  return Array.isArray(value) && typeof value[0] === 'object';
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same rows and objects with slots in place of the values. */
function slotted(value: unknown, path: readonly string[]): unknown {
  if (isRows(value)) return value.map((row, i) => slotted(row, [...path, String(i)]));
  if (!isRow(value)) return new Slot(path);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, slotted(item, [...path, key])]));
}

/** @throws where there would be no end of shapes */
function shapeOf(values: object): string {
  const lengths = Object.values(values).flatMap((value) => (isRows(value) ? [value.length] : []));
  const odd = lengths.find((length) => !isChunk(length));
  if (odd !== undefined) throw new Error(`a prepared query takes rows in chunks, not ${odd} at once`);
  return lengths.join();
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  let value = values;
  for (const key of path) value = (value as Row)[key];
  return Array.isArray(value) ? listParameter(value) : value;
}

/**
 * @param build makes the query. It may place the values, and must not look at them: it sees stand-ins. Lists of values
 *   go into `anyOf`. Rows come in `chunks`, all with the same keys.
 * @returns runs it with values, and gives the rows
 */
export function prepared<Values extends object, Found>(
  build: (db: Db, values: Values) => Compilable<Found>,
): (db: Db, values: Values) => Promise<Found[]> {
  // SQL differs between databases, not between a database and its transactions
  const known = new WeakMap<DialectAdapter, Map<string, Prepared>>();
  return async (db, values) => {
    const { adapter } = db.getExecutor();
    const shapes = known.get(adapter) ?? new Map<string, Prepared>();
    known.set(adapter, shapes);
    const shape = shapeOf(values);
    let found = shapes.get(shape);
    if (!found) {
      const query = build(db, slotted(values, []) as Values).compile();
      const places = query.parameters.map((value) =>
        value instanceof Slot ? { slot: value.path } : { constant: value },
      );
      found = { query, places };
      shapes.set(shape, found);
    }
    const parameters = found.places.map((place) => ('slot' in place ? valueAt(values, place.slot) : place.constant));
    const { rows } = await db.executeQuery<Found>({ ...found.query, parameters });
    return rows;
  };
}
