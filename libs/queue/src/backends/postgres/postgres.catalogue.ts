import type { Topology } from '../../backend/topology.js';
import type { PostgresDatabase } from './postgres.database.js';
import { type Declared, PostgresDeclaration } from './postgres.declaration.js';
import { type Answer, namedStatements, type Session } from './postgres.session.js';
import { type PostgresTopology, type TopologyJson, topologyOf } from './postgres.topology.js';

/** Held by who changes the topology, and shared by who publishes to a topic that a new subscription may start with. */
export function catalogueLock(s: string): string {
  return `hashtext('${s}.catalogue'), 0`;
}

const catalogueStatements = (s: string) =>
  namedStatements({
    topology: `
      SELECT json_build_object(
        'version', topology::text,
        'subscriptions', (SELECT COALESCE(json_agg(json_build_array(id, name, ordered, expires_after_ms, bounds::json,
          (SELECT json_agg(topic) FROM ${s}.bindings WHERE subscription_id = id)) ORDER BY name), '[]')
          FROM ${s}.subscriptions),
        'retentions', (SELECT COALESCE(json_agg(json_build_array(topic, for_ms, max_messages)), '[]') FROM ${s}.retention))::text
      AS topology FROM ${s}.meta`,
    lockCatalogue: `SELECT pg_advisory_xact_lock(${catalogueLock(s)})`,
    renewSubscription: `
      UPDATE ${s}.subscriptions SET expires_at = statement_timestamp() + expires_after_ms * interval '1 ms' WHERE id = $1`,
    instance: `SELECT instance::text AS instance FROM ${s}.meta`,
    bumpTopology: `UPDATE ${s}.meta SET topology = topology + 1`,
  });

/** The topology on the server: read when a publish finds that it has changed, changed by one process at a time. */
export class PostgresCatalogue {
  readonly #database: PostgresDatabase;
  readonly #sql: ReturnType<typeof catalogueStatements>;
  readonly #declaration: PostgresDeclaration;
  #known: PostgresTopology | undefined;
  #instance: string | undefined;

  constructor(backend: string, database: PostgresDatabase) {
    this.#database = database;
    this.#sql = catalogueStatements(database.schema);
    this.#declaration = new PostgresDeclaration(backend, database.schema);
  }

  /** As it was when it was last read. */
  async known(): Promise<PostgresTopology> {
    return this.#known ?? this.reload();
  }

  /** As it is now. */
  async reload(): Promise<PostgresTopology> {
    const { rows } = await this.#database.read({ doing: 'read the topology' }, this.#sql.topology, []);
    return (this.#known = read(rows[0]?.[0]));
  }

  /** The same in a transaction, as it sees it. Not remembered: it may be undone. */
  async within(session: Session): Promise<PostgresTopology> {
    const { rows } = await session.run(this.#sql.topology, []);
    return read(rows[0]?.[0]);
  }

  /** Whether the session is one of this very database: each schema has a name that no other one has. */
  async isInstance(session: Session): Promise<boolean> {
    this.#instance ??= this.#instanceOf(
      await this.#database.read({ doing: 'read its name' }, this.#sql.instance, []),
    );
    return this.#instance === this.#instanceOf(await session.run(this.#sql.instance, []));
  }

  #instanceOf({ rows }: Answer): string {
    return rows[0]?.[0] ?? '';
  }

  /** Adds what is missing, in one transaction. Answers the topology after it. */
  async declare(topology: Topology): Promise<Declared> {
    const declared = await this.#database.transaction({ doing: 'create the topology' }, async (session) => {
      await session.run(this.#sql.lockCatalogue, []);
      const isSwept = await this.#declaration.sweep(session);
      const result = await this.#declaration.run(session, topology, await this.within(session));
      if (isSwept || result.isChanged) await session.run(this.#sql.bumpTopology, []);
      return result;
    });
    await this.reload();
    return declared;
  }

  /** Somebody still asks for the messages of an ephemeral subscription. False: it is gone. */
  async renew(id: number): Promise<boolean> {
    const { count } = await this.#database.write(
      { doing: 'renew a subscription' },
      this.#sql.renewSubscription,
      [id],
    );
    return count === 1;
  }

  /** An ephemeral subscription goes, with all that is in it. */
  remove(id: number): Promise<void> {
    return this.#database.transaction({ doing: 'remove a subscription' }, async (session) => {
      await session.run(this.#sql.lockCatalogue, []);
      await this.#declaration.remove(session, [id]);
      await session.run(this.#sql.bumpTopology, []);
    });
  }
}

function read(json: string | null | undefined): PostgresTopology {
  return topologyOf(JSON.parse(json as string) as TopologyJson);
}
