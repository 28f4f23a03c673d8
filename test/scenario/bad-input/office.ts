import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Backend,
  Bus,
  fixed,
  type Headers,
  type Outgoing,
  type Peeked,
  type PublishResult,
} from '@pigeonpost/queue';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import {
  type BackendFixture,
  type ConsumePolicies,
  Consumer,
  memoryFixture,
  realTime,
  resolvePolicies,
  testAmbient,
  type World,
} from '@pigeonpost/queue/testing';

/** A message whose turn it is must be handled within this long, whatever lies before it. */
const NEXT_WITHIN_MS = 1_000;

const sqliteFixture: BackendFixture = {
  name: 'sqlite',
  create: async (): Promise<World> => {
    const folder = await mkdtemp(join(tmpdir(), 'pigeonpost-bad-input-'));
    const time = realTime();
    const ambient = testAmbient(time.clock);
    return {
      time,
      ambient,
      connect: () => sqliteBackend.open('sqlite', { file: join(folder, 'queue.db') }, ambient),
      dispose: () => rm(folder, { recursive: true }),
    };
  },
};

export const FIXTURES: readonly (readonly [string, BackendFixture])[] = [
  ['memory', memoryFixture()],
  ['sqlite', sqliteFixture],
];

/** What a handler was given. */
export interface Handled {
  readonly id: string;
  readonly data: unknown;
  readonly attempt: number;
  readonly headers: Headers;
}

export interface OfficeOptions {
  readonly policies?: Partial<Omit<ConsumePolicies, 'retry'>>;
  /** Called after each message was noted. */
  readonly handle?: (data: unknown, id: string) => unknown;
}

/** One backend with a bus, one subscription `work` of the topic `orders`, and a consumer of it. */
export class Office {
  readonly handled: Handled[] = [];
  #good = 0;

  private constructor(
    readonly world: World,
    readonly backend: Backend,
    readonly bus: Bus,
    readonly consumer: Consumer,
    private readonly closeStore: () => Promise<void>,
  ) {}

  static async open(fixture: BackendFixture, options: OfficeOptions = {}): Promise<Office> {
    const world = await fixture.create();
    const { backend, store } = await world.connect();
    await backend.ensure({ subscriptions: [{ name: 'work', topics: ['orders'] }] }, 'create');
    const bus = new Bus({ backend, source: 'urn:test', ambient: world.ambient });
    const handle = (given: Handled): unknown => office.#handle(given, options);
    const consumer = new Consumer({
      backend,
      store,
      subscription: 'work',
      topics: ['orders'],
      handler: { name: 'Orders.onOrder', handle },
      interceptors: [],
      policies: resolvePolicies('Orders.onOrder', {
        ...options.policies,
        retry: { attempts: 2, backoff: fixed(10), never: [], only: undefined },
      }),
      ambient: world.ambient,
      host: 'here:1',
      listener: { settled: () => {}, fault: () => {} },
    });
    const closeStore = async (): Promise<void> => store?.close();
    const office: Office = new Office(world, backend, bus, consumer, closeStore);
    await consumer.start();
    return office;
  }

  #handle({ id, data, attempt, headers }: Handled, { handle }: OfficeOptions): unknown {
    this.handled.push({ id, data, attempt, headers });
    return handle?.(data, id);
  }

  /** As somebody publishes who does not use this library, and follows no rule of it. */
  async foreign(body: string | Uint8Array, given: Partial<Outgoing> = {}): Promise<PublishResult> {
    const message: Outgoing = {
      topic: 'orders',
      to: undefined,
      id: 'bad',
      key: undefined,
      body,
      headers: Object.freeze({}),
      delayMs: undefined,
      ttlMs: undefined,
      event: undefined,
      ...given,
    };
    const [result] = await this.backend.publish([message]);
    return result as PublishResult;
  }

  /** Publishes a sound message and waits until it was handled. Rejects when that takes too long. */
  async nextIsHandled(): Promise<void> {
    const id = `good-${++this.#good}`;
    await this.bus.publish('orders', { good: true }, { id });
    await this.untilHandled(id);
  }

  async untilHandled(id: string): Promise<Handled> {
    const find = (): Handled | undefined => this.handled.find((each) => each.id === id);
    await this.until(() => find() !== undefined);
    return find() as Handled;
  }

  until(condition: () => boolean): Promise<void> {
    return this.world.time.until(condition, NEXT_WITHIN_MS);
  }

  /** The dead letters, once messages have died `deaths` times and `lying` of them are there. */
  async dead(lying: number, deaths = lying): Promise<readonly Peeked[]> {
    await this.until(() => this.consumer.status().counts.dead >= deaths);
    for (;;) {
      const found = await this.bus.deadLetters('work').browse();
      if (found.length >= lying) return found;
      await this.world.time.pass(5);
    }
  }

  async close(): Promise<void> {
    let done = false;
    void this.consumer.drain(2_000).then(() => (done = true));
    await this.world.time.until(() => done, 3_000);
    await this.bus.close();
    await this.backend.close(new Date(this.world.ambient.clock.now() + 1_000));
    await this.closeStore();
    await this.world.dispose();
  }
}

/** The wire form of a sound event, with some members replaced; `undefined` takes one away. */
export function envelope(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    envelope: 1,
    event_id: 'e-1',
    event_type: 'orders',
    source: 'urn:foreign',
    timestamp: '2030-01-01T00:00:00.000Z',
    schema_version: '1',
    correlation_id: 'c-1',
    idempotency_key: 'i-1',
    data: { total: 5 },
    ...changes,
  });
}

/** A sound envelope around text that is put in as it is. */
export function around(data: string): string {
  return envelope({ data: 0 }).replace('"data":0', () => `"data":${data}`);
}

export function bytesOf(body: string | Uint8Array): Buffer {
  return typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
}
