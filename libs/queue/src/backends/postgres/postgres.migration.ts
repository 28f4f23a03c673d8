import { PostgresSchemaError } from './postgres.errors.js';
import type { PostgresDatabase } from './postgres.database.js';
import { foundationSql, migrationLock, SCHEMA_VERSION, stepsFrom } from './postgres.schema.js';
import type { Session } from './postgres.session.js';

/** The tables of one schema: whether they are there, and how they come to be. */
export class PostgresMigration {
  readonly #backend: string;
  readonly #database: PostgresDatabase;
  #isCurrent = false;

  constructor(backend: string, database: PostgresDatabase) {
    this.#backend = backend;
    this.#database = database;
  }

  /** Version of what is there; 0: nothing. Throws PostgresSchemaError for that of a newer release. */
  async version(): Promise<number> {
    const { schema } = this.#database;
    const doing = { doing: 'look for its tables' };
    const [found] = (
      await this.#database.read(doing, { name: 'pp_has_meta', text: HAS_META }, [`${schema}.meta`])
    ).rows;
    if (found?.[0] !== 't') return 0;
    const text = `SELECT version::text FROM ${schema}.meta`;
    const { rows } = await this.#database.read(doing, { name: 'pp_version', text }, []);
    const version = Number(rows[0]?.[0] ?? 0);
    if (version <= SCHEMA_VERSION) return version;
    const problem = `it is version ${version}, written by a newer release; this one knows ${SCHEMA_VERSION}`;
    throw new PostgresSchemaError(this.#backend, schema, problem, 'upgrade this application');
  }

  /** Throws PostgresSchemaError where the tables are not those of this release. */
  async check(): Promise<void> {
    const version = await this.version();
    if (version === SCHEMA_VERSION) return;
    const problem =
      version === 0
        ? 'its tables are missing'
        : `its tables are version ${version}, this release needs ${SCHEMA_VERSION}`;
    throw new PostgresSchemaError(this.#backend, this.#database.schema, problem);
  }

  /** Brings the tables to this release, in one transaction; other processes wait and find it done. */
  async run(): Promise<void> {
    if (this.#isCurrent) return;
    if ((await this.version()) < SCHEMA_VERSION) {
      await this.#database.transaction({ doing: 'make its tables' }, (session) => this.#migrate(session));
    }
    this.#isCurrent = true;
  }

  async #migrate(session: Session): Promise<void> {
    const { schema } = this.#database;
    const run = (text: string): Promise<void> => session.command(text);
    await run(migrationLock(schema));
    await run(foundationSql(schema));
    const { rows } = await session.run(
      { name: 'pp_version', text: `SELECT version::text FROM ${schema}.meta` },
      [],
    );
    for (const step of stepsFrom(schema, Number(rows[0]?.[0] ?? 0))) await run(step);
  }
}

const HAS_META = `SELECT to_regclass($1) IS NOT NULL`;
