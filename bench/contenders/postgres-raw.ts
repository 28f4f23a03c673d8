import pg from 'pg';
import { brokerOf, type Workload } from '../contender.ts';
import { type RemoteQueue, remoteInBulk, type Subscribing } from '../remote.ts';
import { BULK } from '../traffic.ts';

const LANES = 2;
const CHANNEL = 'bench';

const TABLE = `
  CREATE TABLE IF NOT EXISTS messages (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    available_at timestamptz NOT NULL DEFAULT now(),
    token bigint NOT NULL DEFAULT 0,
    body text NOT NULL);
  CREATE INDEX IF NOT EXISTS messages_claim ON messages (available_at, seq);`;

const INSERT = {
  name: 'insert',
  text: 'INSERT INTO messages (body) SELECT unnest($1::text[])',
};

/** As INSERT, and rings for those who wait. */
const INSERT_AND_NOTIFY = {
  name: 'insert-notify',
  text: `WITH stored AS (${INSERT.text}) SELECT pg_notify('${CHANNEL}', '')`,
};

/** Removes what is finished under its token, and leases the next. */
const NEXT = {
  name: 'next',
  text: `
    WITH finished AS (
      DELETE FROM messages USING unnest($1::bigint[], $2::bigint[]) AS done (seq, token)
      WHERE messages.seq = done.seq AND messages.token = done.token),
    ready AS MATERIALIZED (
      SELECT seq FROM messages WHERE available_at <= now()
      ORDER BY available_at, seq LIMIT ${BULK} FOR UPDATE SKIP LOCKED)
    UPDATE messages SET available_at = now() + interval '30 seconds', token = token + 1
    FROM ready WHERE messages.seq = ready.seq RETURNING messages.seq, messages.token, messages.body`,
  rowMode: 'array' as const,
};

type Row = readonly [seq: string, token: string, body: string];

/** The least that a queue with fenced leases can be in PostgreSQL: arrays in, and removal joined with the next lease. */
class RawQueue implements RemoteQueue {
  readonly #url: string;
  readonly #publisher: pg.Client;
  readonly #others: pg.Client[] = [];

  private constructor(url: string, publisher: pg.Client) {
    this.#url = url;
    this.#publisher = publisher;
  }

  static async open(load: Workload): Promise<RawQueue> {
    const { url } = brokerOf(load);
    const publisher = await connected(url);
    await publisher.query(TABLE);
    return new RawQueue(url, publisher);
  }

  publish(data: unknown): Promise<unknown> {
    return this.#publisher.query({ ...INSERT_AND_NOTIFY, values: [[JSON.stringify(data)]] });
  }

  publishMany(all: readonly unknown[]): Promise<unknown> {
    return this.#publisher.query({ ...INSERT, values: [all.map((data) => JSON.stringify(data))] });
  }

  async subscribe(subscribing: Subscribing): Promise<void> {
    const lanes: Lane[] = [];
    for (let lane = 0; lane < LANES; lane++) lanes.push(new Lane(await this.#connect(), subscribing));
    const bell = await this.#connect();
    bell.on('notification', () => lanes[0]?.wake());
    await bell.query(`LISTEN ${CHANNEL}`);
    for (const lane of lanes) lane.wake();
  }

  async close(): Promise<void> {
    await Promise.all([this.#publisher, ...this.#others].map((client) => client.end()));
  }

  async #connect(): Promise<pg.Client> {
    const client = await connected(this.#url);
    this.#others.push(client);
    return client;
  }
}

/** One connection that takes batches, one after the other. */
class Lane {
  readonly #client: pg.Client;
  readonly #subscribing: Subscribing;
  #isAwake = false;
  #isAsked = false;

  constructor(client: pg.Client, subscribing: Subscribing) {
    this.#client = client;
    this.#subscribing = subscribing;
  }

  wake(): void {
    this.#isAsked = true;
    if (!this.#isAwake) void this.#drain();
  }

  /** Until nothing is ready. */
  async #drain(): Promise<void> {
    this.#isAwake = true;
    for (let batch: readonly Row[] = []; this.#isAsked || batch.length > 0;) {
      this.#isAsked = false;
      const values = [batch.map(([seq]) => seq), batch.map(([, token]) => token)];
      const { rows } = await this.#client.query<Row[]>({ ...NEXT, values });
      for (let left = batch.length; left > 0; left--) this.#subscribing.settled();
      batch = rows as unknown as readonly Row[];
      for (const [, , body] of batch) await this.#subscribing.handle(JSON.parse(body));
    }
    this.#isAwake = false;
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  return client;
}

/** The limit of what PostgreSQL can do: 500 rows a statement, on two connections. */
export const { contender, ends } = remoteInBulk('postgres-raw', (load) => RawQueue.open(load));
