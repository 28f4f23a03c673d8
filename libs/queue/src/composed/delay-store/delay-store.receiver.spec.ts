import type { Backend, Receiver, Settlement } from '../../backend/backend.js';
import { BackendUnavailableError } from '../../backend/backend.errors.js';
import type { Capabilities } from '../../backend/capabilities.js';
import { SubscriptionFullError } from '../../backend/backend.errors.js';
import { memoryBackend } from '../../backends/memory/index.js';
import type { Delivery } from '../../message/delivery.js';
import { checkHeaders, NO_HEADERS } from '../../message/headers.js';
import type { FailureRecord } from '../../message/failure-record.js';
import type { Outgoing } from '../../message/outgoing.js';
import { AlteredBackend, type Alterations } from '../../testing/altered-backend.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { DelayStoreBackend } from './delay-store.backend.js';

/** A broker that has no delays of its own. */
class AtOnce extends AlteredBackend {
  override get capabilities(): Capabilities {
    return { ...super.capabilities, delay: { publish: false, retry: false } };
  }
}

class Desk {
  readonly clock = new VirtualClock();
  later!: Backend;
  broker!: Backend;
  backend!: DelayStoreBackend;
  receiver!: Receiver;

  static async open(given: { broker?: Alterations; later?: Alterations } = {}): Promise<Desk> {
    const desk = new Desk();
    const ambient = testAmbient(desk.clock);
    const memory = async (name: string) => (await memoryBackend.open(name, {}, ambient)).backend;
    desk.later = new AlteredBackend(await memory('later'), given.later ?? {});
    desk.broker = new AtOnce(await memory('broker'), given.broker ?? {});
    desk.backend = new DelayStoreBackend(desk.broker, { later: desk.later, ambient, host: 'h:1' });
    const work = { name: 'work', topics: ['orders'] };
    await desk.backend.ensure({ subscriptions: [work] }, 'create');
    desk.receiver = await desk.backend.open({ ...work, leaseMs: 30_000 });
    return desk;
  }

  async publish(given: Partial<Outgoing> = {}): Promise<void> {
    const plain = { topic: 'orders', to: undefined, id: 'a', key: undefined, body: 'a', headers: NO_HEADERS };
    const none = { delayMs: undefined, ttlMs: undefined, event: undefined };
    await this.backend.publish([{ ...plain, ...none, ...given }]);
  }

  async take(): Promise<Delivery> {
    const [delivery] = await this.receiver.receive(1, new AbortController().signal);
    if (delivery === undefined) throw new RangeError('nothing came');
    return delivery;
  }

  async lying(backend: Backend, subscription: string): Promise<number> {
    let count = 0;
    for await (const found of backend.inspect({ kind: 'depth', subscription })) {
      if (found.kind === 'depth') count += found.ready + found.delayed + found.inflight;
    }
    return count;
  }
}

const failure = (attempt: number, message = 'no'): FailureRecord => ({
  attempt,
  at: 1,
  reason: 'handler_error',
  error: { name: 'TypeError', message, stack: 'at “here”\n'.repeat(400) },
  handler: 'Orders.onOrder',
  host: 'h:1',
});
const retry = (delivery: Delivery, record = failure(delivery.attempt), delayMs = 1_000): Settlement => ({
  kind: 'retry',
  delivery,
  delayMs,
  failure: record,
});

describe('a retry that waits elsewhere', () => {
  it('carries key, headers, priority and the rest of its time to live', async () => {
    const desk = await Desk.open();
    const headers = checkHeaders({ tenant: 'acme' });
    await desk.publish({ key: 'k', headers, priority: 7, ttlMs: 5_000 });
    const first = await desk.take();
    expect(await desk.receiver.settle([retry(first)])).toEqual(['ok']);
    expect([await desk.lying(desk.broker, 'work'), await desk.lying(desk.later, 'delayed.broker')]).toEqual([
      0, 1,
    ]);
    await desk.clock.advance(1_100);
    const { key, priority, expiresAt, attempt, publishedAt, ...second } = await desk.take();
    expect({ key, priority, expiresAt, attempt, publishedAt, headers: { ...second.headers } }).toEqual({
      key: 'k',
      priority: 7,
      expiresAt: first.expiresAt,
      attempt: 2,
      publishedAt: first.publishedAt,
      headers: { tenant: 'acme' },
    });
  });

  it('is dropped when its time to live ends meanwhile', async () => {
    const desk = await Desk.open();
    await desk.publish({ ttlMs: 500 });
    await desk.receiver.settle([retry(await desk.take())]);
    await desk.clock.advance(2_000);
    expect(await desk.lying(desk.broker, 'work')).toBe(0);
    expect(desk.backend.report).toMatchObject({ dropped: 1 });
  });

  it('is copied once, however often its acknowledgement has to be tried', async () => {
    let failures = 1;
    const error = new BackendUnavailableError('broker', 'settle', 'it is down');
    const desk = await Desk.open({
      broker: {
        settle: async (acts, rightly) =>
          acts[0]?.kind === 'ack' && failures-- > 0 ? acts.map(() => error) : rightly(acts),
      },
    });
    await desk.publish();
    const act = retry(await desk.take());
    expect(await desk.receiver.settle([act])).toEqual([error]);
    expect(await desk.receiver.settle([act])).toEqual(['ok']);
    expect(await desk.lying(desk.later, 'delayed.broker')).toBe(1);
    expect(await desk.receiver.settle([act])).toEqual(['noop']);
  });

  it('stays where it is when the other backend does not take it, and others are settled beside it', async () => {
    const error = new BackendUnavailableError('later', 'publish', 'it is down');
    const desk = await Desk.open({
      later: { publish: async (batch) => batch.map(() => ({ status: 'refused', error })) },
    });
    await desk.publish();
    await desk.publish({ id: 'b' });
    const [one, other] = [await desk.take(), await desk.take()];
    expect(await desk.receiver.settle([retry(one), { kind: 'ack', delivery: other }])).toEqual([error, 'ok']);
    expect(await desk.lying(desk.broker, 'work')).toBe(1);
  });

  it('waits until its subscription has room, however long it was full', async () => {
    const full = new SubscriptionFullError('broker', { subscription: 'work', maxMessages: 1 });
    let isFull = false;
    const desk = await Desk.open({
      broker: {
        publish: async (batch, rightly) =>
          isFull ? batch.map(() => ({ status: 'refused', error: full })) : rightly(batch),
      },
    });
    await desk.publish();
    await desk.receiver.settle([retry(await desk.take())]);
    isFull = true;
    await desk.clock.advance(60_000);
    isFull = false;
    await desk.clock.advance(30_000);
    expect(await desk.take()).toMatchObject({ id: 'a', attempt: 2 });
  });

  it('stays on its own broker when that can do it at once', async () => {
    const desk = await Desk.open();
    await desk.publish();
    await desk.receiver.settle([retry(await desk.take(), failure(1), 0)]);
    expect(await desk.take()).toMatchObject({ attempt: 2, failures: [{ attempt: 1 }] });
  });

  it('keeps its failures short enough for a header, the newest ones', async () => {
    const desk = await Desk.open();
    await desk.publish();
    for (let attempt = 1; attempt <= 12; attempt++) {
      const record = failure(attempt, `${attempt} ${'ü'.repeat(400)}`);
      expect(await desk.receiver.settle([retry(await desk.take(), record)])).toEqual(['ok']);
      await desk.clock.advance(1_100);
    }
    const { attempt, failures } = await desk.take();
    expect(attempt).toBe(13);
    expect(failures.at(-1)?.error.message).toMatch(/^12 üü/);
    expect(failures.length).toBeGreaterThan(3);
    expect(failures.every(({ error }) => error.name === 'TypeError')).toBe(true);
  });

  it.each(['', '{', '{"attempts":-1}', '{"attempts":1,"crashes":0,"publishedAt":1,"failures":7}'])(
    'believes no header that says nothing: %j',
    async (text) => {
      const desk = await Desk.open();
      await desk.publish({ headers: { 'pp-retried': text } });
      const { attempt, headers } = await desk.take();
      expect({ attempt, headers: { ...headers } }).toEqual({ attempt: 1, headers: {} });
    },
  );

  it('is not cancelled with the publishes of its id', async () => {
    const desk = await Desk.open();
    await desk.publish();
    await desk.receiver.settle([retry(await desk.take())]);
    await desk.publish({ delayMs: 5_000 });
    const counts: unknown[] = [];
    for await (const found of desk.backend.inspect({ kind: 'cancel', id: 'a' })) counts.push(found);
    expect(counts).toEqual([{ kind: 'purged', count: 1 }]);
    await desk.clock.advance(10_000);
    expect(await desk.take()).toMatchObject({ attempt: 2 });
    expect(await desk.lying(desk.broker, 'work')).toBe(1);
  });
});
