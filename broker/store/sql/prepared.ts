/**
 * Queries that are built once. Kysely otherwise builds and compiles a query anew each time it runs; those on a message's
 * way keep their SQL and only get other values.
 */
import type { Compilable, CompiledQuery, DialectAdapter } from 'kysely';
import type { Db } from './common.ts';

/** Beyond this many shapes (lengths of lists, mostly) they are built anew. */
const SHAPES_MAX = 1_000;

/** Stands for a value while the query is built. */
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

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The same lists and objects with slots in place of the values. */
function slotted(value: unknown, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item, i) => slotted(item, [...path, String(i)]));
  if (!isNested(value)) return new Slot(path);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, slotted(item, [...path, key])]));
}

function shapeOf(values: object): string {
  return Object.values(values)
    .map((value) => (Array.isArray(value) ? value.length : ''))
    .join();
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  let value = values;
  for (const key of path) value = (value as Record<string, unknown>)[key];
  return value;
}

/**
 * @param build makes the query. It may place the values, and must not look at them: it sees stand-ins. Lists keep their
 *   length, and objects in them their keys, which must be the same for all of a list.
 * @returns runs it with values, and gives the rows
 */
export function prepared<Values extends object, Row>(
  build: (db: Db, values: Values) => Compilable<Row>,
): (db: Db, values: Values) => Promise<Row[]> {
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
      if (shapes.size >= SHAPES_MAX) shapes.clear();
      shapes.set(shape, found);
    }
    const parameters = found.places.map((place) => ('slot' in place ? valueAt(values, place.slot) : place.constant));
    const { rows } = await db.executeQuery<Row>({ ...found.query, parameters });
    return rows;
  };
}
