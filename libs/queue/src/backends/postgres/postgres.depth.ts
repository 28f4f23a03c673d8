import type { Depth } from '../../backend/inspect.js';
import type { PostgresDatabase } from './postgres.database.js';
import { numberOf } from './postgres.delivery.js';
import { type Part, PARTS, depthStatements } from './postgres.depth.sql.js';
import type { Row } from './postgres.session.js';
import type { KnownSubscription } from './postgres.topology.js';

const COUNT = { doing: 'count messages' };

type Counts = Pick<Depth, 'ready' | 'delayed' | 'held' | 'inflight' | 'dead'>;

/**
 * How much lies where, at a price that has a bound: whoever watches the health of an application asks every two seconds.
 * Of each part of a subscription so many rows are counted; what lies beyond them is what the server estimates.
 */
export class PostgresDepth {
  readonly #database: PostgresDatabase;
  readonly #mostCounted: number;
  readonly #sql: ReturnType<typeof depthStatements>;

  constructor(database: PostgresDatabase, mostCounted = 10_000) {
    this.#database = database;
    this.#mostCounted = mostCounted;
    this.#sql = depthStatements(database.schema);
  }

  async of({ id, name, bounds }: KnownSubscription): Promise<Depth> {
    const { rows } = await this.#database.read(COUNT, this.#sql.depth, [id, this.#mostCounted + 1]);
    const row = rows[0] ?? [];
    const large = PARTS.filter((_, at) => Number(row[at]) > this.#mostCounted);
    const shares = await this.#shares(id, row, large);
    const [age, dropped] = row.slice(PARTS.length + COUNTED.length);
    return {
      kind: 'depth',
      subscription: name,
      ...scaled(row, shares),
      oldestReadyMs: numberOf(age),
      ...(bounds !== undefined && { dropped: Number(dropped) }),
      ...(large.length > 0 && { approximate: true }),
    };
  }

  /** By how much the counts of each part that was not counted to its end are too small. */
  async #shares(id: number, row: Row, large: readonly Part[]): Promise<ReadonlyMap<Part, number>> {
    const shares = new Map<Part, number>();
    for (const part of large) {
      const { rows } = await this.#database.read(COUNT, this.#sql.estimate[part], [id]);
      const seen = Number(row[PARTS.indexOf(part)]);
      shares.set(part, Math.max(1, plannedRows(rows[0]?.[0]) / seen));
    }
    return shares;
  }
}

/** The counts of a row, after those of its parts, each with the part that it belongs to. */
const COUNTED: readonly (readonly [keyof Counts, Part])[] = [
  ['ready', 'due'],
  ['delayed', 'later'],
  ['inflight', 'later'],
  ['held', 'waiting'],
  ['dead', 'dead'],
];

function scaled(row: Row, shares: ReadonlyMap<Part, number>): Counts {
  const counts = COUNTED.map(([name, part], at) => {
    const counted = Number(row[PARTS.length + at]);
    return [name, Math.round(counted * (shares.get(part) ?? 1))] as const;
  });
  return Object.fromEntries(counts) as Record<keyof Counts, number>;
}

/** Of an `EXPLAIN` in JSON. */
function plannedRows(explained: string | null | undefined): number {
  const [plan] = JSON.parse(explained ?? '[]') as readonly {
    readonly Plan?: Readonly<Record<string, number>>;
  }[];
  return plan?.Plan?.['Plan Rows'] ?? 0;
}
