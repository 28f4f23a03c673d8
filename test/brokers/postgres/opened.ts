import pg from 'pg';
import type { Backend, OpenedBackend, Outgoing, SubscriptionTopology } from '@pigeonpost/queue';
import { postgresBackend, type PostgresOptions } from '@pigeonpost/queue/postgres';
import { realTime, testAmbient } from '@pigeonpost/queue/testing';

const CLOSE_WITHIN_MS = 2_000;
let schemas = 0;

/** Opens backends that share one schema of a server, and frees all of it. */
export class OpenedBackends {
  readonly schema = `spec_${process.pid}_${++schemas}`;
  readonly time = realTime();
  readonly ambient = testAmbient(this.time.clock, schemas);
  readonly #opened: Required<OpenedBackend>[] = [];

  constructor(
    readonly url: string,
    private readonly options: Partial<PostgresOptions> = {},
  ) {}

  async open(more: Partial<PostgresOptions> = {}): Promise<Required<OpenedBackend>> {
    const options = { url: this.url, schema: this.schema, ...this.options, ...more };
    const opened = (await postgresBackend.open('events', options, this.ambient)) as Required<OpenedBackend>;
    this.#opened.push(opened);
    return opened;
  }

  /** The same with one subscription, `work` of topic `jobs`. */
  async openWith(
    subscription: Partial<SubscriptionTopology> = {},
    more: Partial<PostgresOptions> = {},
  ): Promise<Backend> {
    const { backend } = await this.open(more);
    await backend.ensure({ subscriptions: [{ name: 'work', topics: ['jobs'], ...subscription }] }, 'create');
    return backend;
  }

  message(given: Partial<Outgoing> = {}): Outgoing {
    const none = { to: undefined, key: undefined, delayMs: undefined, ttlMs: undefined, event: undefined };
    const id = this.ambient.ids.next(this.ambient.clock.now());
    return { topic: 'jobs', id, body: '{}', headers: {}, ...none, ...given };
  }

  /** A client of the application's own. */
  async client(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Rows of a statement by a client of its own; `{s}` is the schema. */
  async sql(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const client = await this.client();
    try {
      const { rows } = await client.query<Record<string, unknown>>(text.replaceAll('{s}', this.schema));
      return rows;
    } finally {
      await client.end();
    }
  }

  /** Closes all of them, and removes what they have left. */
  async dispose(): Promise<void> {
    for (const { backend, store } of this.#opened.splice(0)) {
      await backend.close(new Date(this.ambient.clock.now() + CLOSE_WITHIN_MS));
      await store.close();
    }
    await this.sql('SET client_min_messages = warning; DROP SCHEMA IF EXISTS {s} CASCADE');
  }
}

export const LEASE_MS = 5_000;

/** Takes until so many came, or ten seconds are over. */
export async function takeAll(backend: Backend, count: number, name = 'work'): Promise<readonly string[]> {
  const receiver = await backend.open({ name, topics: [], leaseMs: LEASE_MS });
  const ids: string[] = [];
  const signal = AbortSignal.timeout(10_000);
  while (ids.length < count && !signal.aborted) {
    const deliveries = await receiver.receive(count - ids.length, signal);
    await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
    ids.push(...deliveries.map(({ id }) => id));
  }
  await receiver.close();
  return ids;
}
