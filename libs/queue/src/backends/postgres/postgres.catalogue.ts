import type { Topology } from '../../backend/topology.js';
import type { PostgresDatabase } from './postgres.database.js';
import { type Declared, PostgresDeclaration } from './postgres.declaration.js';
import { namedStatements, type Session } from './postgres.session.js';
import { type PostgresTopology, type TopologyJson, topologyOf } from './postgres.topology.js';

const catalogueStatements = (s: string) =>
  namedStatements({
    topology: `
      SELECT json_build_object(
        'version', topology::text,
        'subscriptions', (SELECT COALESCE(json_agg(json_build_array(id, name, ordered, expires_after_ms, bounds::json,
          (SELECT json_agg(topic) FROM ${s}.bindings WHERE subscription_id = id)) ORDER BY name), '[]')
          FROM ${s}.subscriptions),
        'retentions', (SELECT COALESCE(json_agg(json_build_array(topic, for_ms, max_messages)), '[]') FROM ${s}.retention))
      FROM ${s}.meta`,
    lockCatalogue: `SELECT pg_advisory_xact_lock(hashtext('${s}.catalogue'), 0)`,
    bumpTopology: `UPDATE ${s}.meta SET topology = topology + 1`,
  });

/** The topology on the server: read when a publish finds that it has changed, changed by one process at a time. */
export class PostgresCatalogue {
  readonly #database: PostgresDatabase;
  readonly #sql: ReturnType<typeof catalogueStatements>;
  readonly #declaration: PostgresDeclaration;
  #known: PostgresTopology | undefined;

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

  /** Adds what is missing, in one transaction. Answers the topology after it. */
  async declare(topology: Topology): Promise<Declared> {
    const declared = await this.#database.transaction({ doing: 'create the topology' }, async (session) => {
      await session.run(this.#sql.lockCatalogue, []);
      const result = await this.#declaration.run(session, topology, await this.within(session));
      if (result.isChanged) await session.run(this.#sql.bumpTopology, []);
      return result;
    });
    await this.reload();
    return declared;
  }
}

function read(json: string | null | undefined): PostgresTopology {
  return topologyOf(JSON.parse(json as string) as TopologyJson);
}
