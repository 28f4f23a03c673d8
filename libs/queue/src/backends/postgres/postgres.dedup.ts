import type { Outgoing } from '../../message/outgoing.js';
import { numberArray, textArray } from './postgres.arrays.js';
import { namedStatements, type Session } from './postgres.session.js';

const NOW = 'statement_timestamp()';

const dedupStatements = (s: string) =>
  namedStatements({
    // A row of the same id that another transaction is writing is waited for, so that of two at once one is the first.
    dedupRemember: `
      INSERT INTO ${s}.dedup (topic, id, expires_at)
      SELECT topic, id, ${NOW} + window_ms * interval '1 ms'
      FROM unnest($1::text[], $2::text[], $3::float8[]) AS new (topic, id, window_ms)
      ON CONFLICT (topic, id) DO UPDATE SET expires_at = excluded.expires_at WHERE dedup.expires_at <= ${NOW}
      RETURNING topic AS topic, id AS id`,
    // More than one publish adds, so that what has expired never piles up.
    dedupSweep: `
      DELETE FROM ${s}.dedup WHERE (topic, id) IN (
        SELECT topic, id FROM ${s}.dedup WHERE expires_at <= ${NOW} ORDER BY expires_at
        LIMIT $1::integer FOR UPDATE SKIP LOCKED)`,
    dedupForget: `
      DELETE FROM ${s}.dedup USING unnest($1::text[], $2::text[]) AS old (topic, id)
      WHERE dedup.topic = old.topic AND dedup.id = old.id`,
  });

interface Named {
  readonly topic: string;
  readonly id: string;
}

interface Key extends Named {
  readonly windowMs: number;
}

/** Publishes of late that asked to be stored once, shared by all processes. Belongs inside the transaction that stores. */
export class PostgresDedup {
  readonly #sql: ReturnType<typeof dedupStatements>;

  constructor(schema: string) {
    this.#sql = dedupStatements(schema);
  }

  /** Writes down those that ask for it; answers which of a batch had been there before. */
  async remember(session: Session, batch: readonly Outgoing[]): Promise<DedupWindow> {
    const keys = new Map<string, Key>();
    for (const message of batch) {
      const key = keyOf(message);
      if (key !== undefined && !keys.has(nameOf(key))) keys.set(nameOf(key), key);
    }
    // In one order for everybody: two publishers never wait for each other in a circle.
    const sorted = [...keys.values()].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    if (sorted.length === 0) return new DedupWindow([]);
    await session.run(this.#sql.dedupSweep, [2 * sorted.length]);
    const values = [
      textArray(sorted.map(({ topic }) => topic)),
      textArray(sorted.map(({ id }) => id)),
      numberArray(sorted.map(({ windowMs }) => windowMs)),
    ];
    const { rows } = await session.run(this.#sql.dedupRemember, values);
    return new DedupWindow(rows.map(([topic, id]) => ({ topic: topic as string, id: id as string })));
  }

  /** Those of the window that nothing was stored for. */
  async forget(session: Session, keys: readonly Named[]): Promise<void> {
    if (keys.length === 0) return;
    const values = [textArray(keys.map(({ topic }) => topic)), textArray(keys.map(({ id }) => id))];
    await session.run(this.#sql.dedupForget, values);
  }
}

/** What a batch may still store once. */
export class DedupWindow {
  readonly #fresh: Map<string, Named>;

  constructor(fresh: readonly Named[]) {
    this.#fresh = new Map(fresh.map((each) => [nameOf(each), each]));
  }

  /** Whether it was stored before, or earlier in its batch. */
  knows(message: Outgoing): boolean {
    const key = keyOf(message);
    return key !== undefined && !this.#fresh.has(nameOf(key));
  }

  stored(message: Outgoing): void {
    const key = keyOf(message);
    if (key !== undefined) this.#fresh.delete(nameOf(key));
  }

  /** Written down, and nothing of it was stored. */
  get unused(): readonly Named[] {
    return [...this.#fresh.values()];
  }
}

/** undefined: it does not ask for it, or is for one subscription only. */
function keyOf({ topic, id, dedup, to }: Outgoing): Key | undefined {
  if (dedup === undefined || to !== undefined) return undefined;
  return { topic, id: dedup.id ?? id, windowMs: dedup.windowMs };
}

/** Topics have no spaces. */
function nameOf({ topic, id }: Named): string {
  return `${topic} ${id}`;
}
