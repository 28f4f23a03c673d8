import type { SubscriptionTopology, Topology } from '../../backend/topology.js';
import { textArray } from './postgres.arrays.js';
import { namedStatements, type Session } from './postgres.session.js';
import type { KnownSubscription, PostgresTopology } from './postgres.topology.js';

const declarationStatements = (s: string) =>
  namedStatements({
    addSubscription: `INSERT INTO ${s}.subscriptions (name) VALUES ($1) RETURNING id`,
    bind: `INSERT INTO ${s}.bindings (topic, subscription_id) SELECT topic, $2 FROM unnest($1::text[]) AS topic`,
  });

export interface Declared {
  readonly isChanged: boolean;
  /** Ids of subscriptions that may have messages now. */
  readonly filled: readonly number[];
}

/** Carries out what is declared, inside a transaction that nobody shares with it. */
export class PostgresDeclaration {
  readonly #sql: ReturnType<typeof declarationStatements>;

  constructor(
    readonly backend: string,
    schema: string,
  ) {
    this.#sql = declarationStatements(schema);
  }

  async run(session: Session, { subscriptions }: Topology, found: PostgresTopology): Promise<Declared> {
    let isChanged = false;
    for (const declared of subscriptions) {
      if (await this.#declare(session, declared, found.byName.get(declared.name))) isChanged = true;
    }
    return { isChanged, filled: [] };
  }

  /** False: it is so already. */
  async #declare(
    session: Session,
    { name, topics }: SubscriptionTopology,
    known: KnownSubscription | undefined,
  ): Promise<boolean> {
    const id = known?.id ?? (await this.#add(session, name));
    const missing = [...new Set(topics)].filter((topic) => known?.topics.has(topic) !== true);
    if (missing.length > 0) await session.run(this.#sql.bind, [textArray(missing), id]);
    return known === undefined || missing.length > 0;
  }

  async #add(session: Session, name: string): Promise<number> {
    const { rows } = await session.run(this.#sql.addSubscription, [name]);
    return Number(rows[0]?.[0]);
  }
}
