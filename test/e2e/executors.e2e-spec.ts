import { DatabaseSync } from 'node:sqlite';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { Bus, type Delivery, systemAmbient } from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromNodeSqlite,
  fromPg,
  fromTypeOrm,
  Inbox,
  inboxSchema,
  OutboxBackend,
  outboxSchema,
  type SqlExecutor,
} from '@pigeonpost/queue/outbox';

const PORT = 15_432;
const TRICKY = `'?$1"\\ %s`;
const NEVER = new AbortController().signal;
const ROLL_BACK = new RangeError('rolled back');

/** A client as an application has it: an executor outside of transactions, and one over each transaction. */
interface Client {
  readonly executor: SqlExecutor;
  transaction(work: (tx: SqlExecutor) => Promise<void>): Promise<void>;
  close(): Promise<unknown>;
}

const CONNECTION = {
  host: '127.0.0.1',
  port: PORT,
  user: 'postgres',
  password: 'postgres',
  database: 'postgres',
};

const CLIENTS: Readonly<Record<string, () => Promise<Client>>> = {
  'node:sqlite': async () => {
    const db = new DatabaseSync(':memory:');
    const executor = fromNodeSqlite(db);
    const transaction = (work: (tx: SqlExecutor) => Promise<void>) =>
      byHand((text) => db.exec(text), executor, work);
    return { executor, transaction, close: async () => db.close() };
  },
  pg: async () => {
    const pool = new pg.Pool({ ...CONNECTION, max: 2 });
    return {
      executor: fromPg(pool),
      transaction: async (work) => {
        const client = await pool.connect();
        await byHand((text) => client.query(text), fromPg(client), work).finally(() => client.release());
      },
      close: () => pool.end(),
    };
  },
  Kysely: async () => {
    const db = new Kysely<object>({
      dialect: new PostgresDialect({ pool: new pg.Pool({ ...CONNECTION, max: 2 }) }),
    });
    return {
      executor: fromKysely(db, 'postgres'),
      transaction: (work) => db.transaction().execute((trx) => work(fromKysely(trx, 'postgres'))),
      close: () => db.destroy(),
    };
  },
  Drizzle: async () => {
    const pool = new pg.Pool({ ...CONNECTION, max: 2 });
    const db = drizzle(pool);
    return {
      executor: fromDrizzle(db, sql, 'postgres'),
      transaction: (work) => db.transaction((tx) => work(fromDrizzle(tx, sql, 'postgres'))),
      close: () => pool.end(),
    };
  },
  TypeORM: async () => {
    const source = new DataSource({
      type: 'postgres',
      ...CONNECTION,
      username: CONNECTION.user,
      poolSize: 2,
    });
    await source.initialize();
    return {
      executor: fromTypeOrm(source.manager, 'postgres'),
      transaction: (work) => source.transaction((manager) => work(fromTypeOrm(manager, 'postgres'))),
      close: () => source.destroy(),
    };
  },
  Knex: async () => {
    const db = knex({ client: 'pg', connection: CONNECTION, pool: { min: 0, max: 2 } });
    return {
      executor: fromKnex(db, 'postgres'),
      transaction: (work) => db.transaction((trx) => work(fromKnex(trx, 'postgres'))),
      close: () => db.destroy(),
    };
  },
};

async function byHand(
  run: (text: string) => unknown,
  tx: SqlExecutor,
  work: (tx: SqlExecutor) => Promise<void>,
): Promise<void> {
  await run('BEGIN');
  try {
    await work(tx);
    await run('COMMIT');
  } catch (error) {
    await run('ROLLBACK');
    throw error;
  }
}

describe('an executor over', () => {
  let database: PGlite;
  let server: PGLiteSocketServer;

  beforeAll(async () => {
    database = await PGlite.create();
    server = new PGLiteSocketServer({ db: database, port: PORT, host: '127.0.0.1', maxConnections: 4 });
    await server.start();
  }, 60_000);

  it('is made of the transaction, inside of it', async () => {
    const pool = new pg.Pool({ ...CONNECTION, max: 2 });
    const db = new Kysely<{ orders: { id: string } }>({ dialect: new PostgresDialect({ pool }) });
    await db.schema.createTable('orders').addColumn('id', 'text').execute();
    for (const statement of outboxSchema('postgres')) await pool.query(statement);
    const { backend } = await memoryBackend.open('broker', {}, systemAmbient);
    await backend.ensure({ subscriptions: [{ name: 'in', topics: ['order.placed'] }] }, 'create');
    const outbox = new OutboxBackend(backend, { executor: fromPg(pool), relay: false }, systemAmbient);
    const bus = new Bus({ backend: outbox, source: 'urn:shop', ambient: systemAmbient });
    const order = { id: 'o-1' };
    // #region kysely
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('orders').values(order).execute();
      await bus.publish('order.placed', order, { key: order.id, tx: fromKysely(trx, 'postgres') });
    });
    // #endregion
    const { rows } = await pool.query('SELECT aggregatetype, aggregateid FROM outbox');
    expect(rows).toEqual([{ aggregatetype: 'order.placed', aggregateid: 'o-1' }]);
    await bus.close();
    await outbox.close(new Date(Date.now() + 1_000));
    await pool.end();
  });

  afterAll(async () => {
    await server.stop();
    await database.close();
  });

  it.each(Object.keys(CLIENTS))(
    '%s writes, reads and deletes in the transaction it is given',
    async (name) => {
      const client = (await CLIENTS[name]?.()) as Client;
      const { executor } = client;
      try {
        for (const table of ['outbox', 'outbox_lease', 'inbox'])
          await executor.executeSql(`DROP TABLE IF EXISTS ${table}`, []);
        for (const statement of [...outboxSchema(executor.dialect), ...inboxSchema(executor.dialect)])
          await executor.executeSql(statement, []);
        await useOutbox(client);
        await useInbox(client);
      } finally {
        await client.close();
      }
    },
  );
});

/** Through a whole outbox in front of a broker in memory. */
async function useOutbox(client: Client): Promise<void> {
  const { executor } = client;
  const opened = await memoryBackend.open('broker', {}, systemAmbient);
  const outbox = new OutboxBackend(opened.backend, { executor, pollMs: 5 }, systemAmbient);
  await outbox.ensure({ subscriptions: [{ name: 'in', topics: ['t'] }] }, 'create');
  const bus = new Bus({ backend: outbox, source: 'urn:shop', ambient: systemAmbient });
  const gone = client.transaction(async (tx) => {
    await bus.publish('t', 'gone', { tx });
    throw ROLL_BACK;
  });
  await expect(gone).rejects.toBe(ROLL_BACK);
  const receiver = await outbox.open({ name: 'in', topics: ['t'], leaseMs: 60_000 });
  await client.transaction(async (tx) => {
    await bus.publish('t', TRICKY, { id: 'one', key: 'k', headers: { shop: 'Zürich' }, tx });
    await bus.publishRaw('t', new Uint8Array([0, 255]), { id: 'two', key: 'k', priority: 3, tx });
  });
  const taken: Delivery[] = [];
  while (taken.length < 2) taken.push(...(await receiver.receive(2 - taken.length, NEVER)));
  const [one, two] = taken.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(one).toMatchObject({ id: 'one', key: 'k', headers: { shop: 'Zürich' } });
  expect(JSON.parse(String(one?.body))).toMatchObject({ data: TRICKY });
  expect(two).toMatchObject({ id: 'two', body: new Uint8Array([0, 255]) });
  await bus.close();
  await outbox.close(new Date(Date.now() + 5_000));
  expect(await executor.executeSql('SELECT seq FROM outbox', [])).toEqual([]);
}

async function useInbox(client: Client): Promise<void> {
  const inbox = new Inbox();
  const claims: boolean[] = [];
  const claim = async (tx: SqlExecutor) =>
    claims.push(await inbox.claim(tx, { id: 'a', subscription: 'work' }));
  const undone = client.transaction(async (tx) => {
    await claim(tx);
    throw ROLL_BACK;
  });
  await expect(undone).rejects.toBe(ROLL_BACK);
  await client.transaction(async (tx) => void (await claim(tx)));
  await client.transaction(async (tx) => void (await claim(tx)));
  expect(claims).toEqual([true, true, false]);
}
