import {
  answersRows,
  type SqlDialect,
  type SqlExecutor,
  type SqlRow,
  type SqlValue,
} from './sql-executor.js';

// Each takes the client, or its open transaction, by the shape of the one method it calls: no client is a dependency.

type Answer = { readonly rows: readonly unknown[] };

/** A DatabaseSync of node:sqlite. */
export function fromNodeSqlite(connection: {
  readonly isTransaction: boolean;
  prepare(text: string): { all(...values: SqlValue[]): readonly unknown[] };
}): SqlExecutor & { readonly connection: unknown } {
  return {
    dialect: 'sqlite',
    connection,
    inTransaction: () => connection.isTransaction,
    executeSql: async (text, values) => connection.prepare(text).all(...values) as readonly SqlRow[],
  };
}

/** A client of `pg`, or its pool for the relay; PGlite too. */
export function fromPg(client: { query(text: string, values: unknown[]): Promise<Answer> }): SqlExecutor {
  return {
    dialect: 'postgres',
    executeSql: async (text, values) => rowsOf(await client.query(text, [...values])),
  };
}

/** A connection of `mysql2/promise`, or its pool for the relay. */
export function fromMysql2(connection: {
  query(text: string, values: unknown[]): Promise<unknown>;
}): SqlExecutor {
  return {
    dialect: 'mysql',
    executeSql: async (text, values) => rowsOf(await connection.query(text, [...values])),
  };
}

/** A Kysely instance or transaction. */
export function fromKysely(
  db: { executeQuery(query: never): Promise<Answer> },
  dialect: SqlDialect,
): SqlExecutor {
  return {
    dialect,
    executeSql: async (text, parameters) => {
      const node = { kind: 'RawNode', sqlFragments: [text], parameters: [] };
      const query = { sql: text, parameters, query: node, queryId: { queryId: 'pigeonpost' } };
      return rowsOf(await db.executeQuery(query as never));
    },
  };
}

/** The methods of a Drizzle database or transaction: `execute` on postgres and mysql, `all` and `run` on sqlite. */
export interface DrizzleDatabase {
  execute?(query: never): Promise<unknown>;
  all?(query: never): unknown;
  run?(query: never): unknown;
}

/** The `sql` tag of `drizzle-orm`, which binds values. */
export interface DrizzleSql {
  (strings: TemplateStringsArray, ...values: unknown[]): unknown;
  param(value: unknown): unknown;
}

export function fromDrizzle(db: DrizzleDatabase, sql: DrizzleSql, dialect: SqlDialect): SqlExecutor {
  return {
    dialect,
    executeSql: async (text, values) => {
      const strings = text.split(/\?|\$\d+/) as unknown as TemplateStringsArray;
      const query = sql(strings, ...values.map((value) => sql.param(value))) as never;
      if (db.execute !== undefined) return rowsOf(await db.execute(query));
      return rowsOf(await (answersRows(text) ? db.all?.(query) : db.run?.(query)));
    },
  };
}

/** A Prisma client or the one of an interactive transaction. */
export function fromPrisma(
  client: {
    $queryRawUnsafe(text: string, ...values: unknown[]): Promise<unknown>;
    $executeRawUnsafe(text: string, ...values: unknown[]): Promise<unknown>;
  },
  dialect: SqlDialect,
): SqlExecutor {
  return {
    dialect,
    executeSql: async (text, values) =>
      rowsOf(
        answersRows(text)
          ? await client.$queryRawUnsafe(text, ...values)
          : await client.$executeRawUnsafe(text, ...values),
      ),
  };
}

/** An EntityManager or QueryRunner of TypeORM, inside its transaction. */
export function fromTypeOrm(
  manager: { query(text: string, values: unknown[]): Promise<unknown> },
  dialect: SqlDialect,
): SqlExecutor {
  return { dialect, executeSql: async (text, values) => rowsOf(await manager.query(text, [...values])) };
}

/** A Knex instance or transaction. */
export function fromKnex(
  db: { raw(text: string, values: SqlValue[]): PromiseLike<unknown> },
  dialect: SqlDialect,
): SqlExecutor {
  return {
    dialect,
    executeSql: async (text, values) => rowsOf(await db.raw(text.replace(/\$\d+/g, '?'), [...values])),
  };
}

/** Rows as clients answer them: a list, `{ rows }`, or the list first and the columns after it. */
function rowsOf(answer: unknown): readonly SqlRow[] {
  if (Array.isArray(answer)) return (Array.isArray(answer[0]) ? answer[0] : answer) as readonly SqlRow[];
  const { rows } = (answer ?? {}) as { rows?: unknown };
  return Array.isArray(rows) ? (rows as readonly SqlRow[]) : [];
}
