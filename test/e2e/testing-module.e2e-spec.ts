import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { Injectable, Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  Ctx,
  type Duration,
  exponential,
  fixed,
  getBusToken,
  Idempotent,
  InjectBus,
  type MessageContext,
  Payload,
  QueueModule,
  type QueueModuleOptions,
  QueueRegistry,
  Reject,
  Retry,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { QueueHarness, QueueTestingModule, type QueueTestingOptions } from '@pigeonpost/queue/testing/nest';
import { IsInt, IsString } from 'class-validator';

class OrderPlaced {
  @IsString() orderId!: string;
  @IsInt() cents!: number;
}

interface InvoiceSent {
  readonly orderId: string;
}

// #region application
@Injectable()
class Billing {
  readonly charged: string[] = [];
  /** How often the bank will not answer. */
  failures = 0;

  constructor(private readonly bus: Bus) {}

  @Consume('order.placed', { subscription: 'billing' })
  @Idempotent()
  @Retry({ attempts: 3, backoff: exponential('10s') })
  async onOrder(@Payload() order: OrderPlaced): Promise<void> {
    if (this.failures-- > 0) throw new TypeError('the bank does not answer');
    this.charged.push(order.orderId);
    await this.bus.publish('invoice.due', { orderId: order.orderId }, { delay: '14d' });
  }
}
// #endregion

@Injectable()
class Invoices {
  constructor(@InjectBus('audit') private readonly audit: Bus) {}

  @Consume('invoice.due', { subscription: 'invoices' })
  async onDue(@Payload() due: InvoiceSent): Promise<void> {
    await this.audit.publish('invoice.sent', due);
  }

  @Consume('invoice.sent', { subscription: 'trail', backend: 'audit' })
  onSent(): void {}
}

/** As it goes into production: two files where no test can write. */
@Module({
  imports: [
    QueueModule.forRootAsync({
      backends: ['events', 'audit'],
      useFactory: () => ({
        source: 'urn:service:shop',
        ensure: 'check',
        backends: [
          { name: 'events', driver: 'sqlite', file: '/nowhere/events.db', primary: true },
          { name: 'audit', driver: 'sqlite', file: '/nowhere/audit.db' },
        ],
      }),
    }),
  ],
  providers: [Billing, Invoices],
})
class ShopModule {}

let app: TestingModule;
let harness: QueueHarness;
let bus: Bus;

async function start(
  queue: DynamicModule,
  providers: readonly Provider[] = [],
  options?: QueueTestingOptions,
): Promise<void> {
  const imports = [queue, QueueTestingModule.forRoot(options)];
  app = await Test.createTestingModule({ imports, providers: [...providers] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await app.init();
  harness = app.get(QueueHarness);
  bus = app.get(Bus);
}

const memory = (more: Partial<QueueModuleOptions> = {}): DynamicModule =>
  QueueModule.forRoot({ source: 'urn:test', backends: [{ name: 'main', driver: 'memory' }], ...more });

afterEach(async () => {
  await app.close();
  const { pending } = harness.clock;
  if (pending > 0) throw new RangeError(`${pending} timers were left behind`);
});

describe('an application on its way to production', () => {
  beforeEach(async () => {
    // #region module
    app = await Test.createTestingModule({ imports: [ShopModule, QueueTestingModule.forRoot()] }).compile();
    await app.init();
    harness = app.get(QueueHarness);
    bus = app.get(Bus);
    // #endregion
    Logger.overrideLogger(false);
  });

  const place = (orderId: string, more: object = {}) =>
    bus.publish('order.placed', { orderId, cents: 1_000 }, { id: orderId, ...more });

  it('runs in memory, whatever its drivers are, and settles through everything that follows', async () => {
    const startedAt = harness.clock.now();
    // #region settled
    await bus.publish('order.placed', { orderId: 'o-1', cents: 1_000 }, { id: 'o-1', key: 'ada' });
    await harness.settled({ within: '30d' });

    expect(app.get(Billing).charged).toEqual(['o-1']);
    const [sent] = harness.published<InvoiceSent>('invoice.sent');
    expect(sent?.data.orderId).toBe('o-1');
    expect(sent?.event?.correlation_id).toBe('o-1');
    // #endregion
    expect(sent).toMatchObject({ backend: 'audit', copies: 1, key: undefined, delayMs: undefined });
    expect(sent?.at).toBe(startedAt + 14 * 86_400_000);
    expect(harness.published('order.placed')).toMatchObject([
      {
        id: 'o-1',
        key: 'ada',
        backend: 'events',
        event: { event_type: 'order.placed', source: 'urn:service:shop' },
      },
    ]);
    expect(harness.published('invoice.due')).toMatchObject([{ delayMs: 14 * 86_400_000 }]);
    expect(harness.handled('trail')).toMatchObject([{ topic: 'invoice.sent', backend: 'audit', attempt: 1 }]);
  });

  it('does not move time when there is nothing to wait for', async () => {
    const before = harness.clock.now();
    await harness.settled();
    await bus.publish('invoice.due', { orderId: 'o-1' });
    await harness.settled();
    expect(harness.handled('invoices')).toHaveLength(1);
    expect(harness.clock.now()).toBe(before);
  });

  it('settles through retries', async () => {
    // #region retries
    app.get(Billing).failures = 2;
    await bus.publish('order.placed', { orderId: 'o-1', cents: 1_000 });
    await harness.settled({ within: '30d' });

    const [run] = harness.handled<OrderPlaced>('billing');
    expect(run?.attempt).toBe(3);
    expect(run?.data).toBeInstanceOf(OrderPlaced);
    // #endregion
    expect(harness.handled('billing')).toHaveLength(1);
    expect(harness.deadLettered('billing')).toEqual([]);
  });

  it('tells what was given up, and why', async () => {
    app.get(Billing).failures = 3;
    await place('o-1');
    await bus.publish('order.placed', { orderId: 7 }, { id: 'bad', headers: { tenant: 'acme' } });
    await harness.clock.advance(0);
    await bus.publishRaw('order.placed', 'not an envelope', { id: 'raw' });
    await harness.settled();
    const letters = harness.deadLettered<OrderPlaced>('billing');
    expect(letters.map(({ id, attempt, failure }) => [id, attempt, failure.reason])).toEqual([
      ['bad', 1, 'invalid_payload'],
      ['raw', 1, 'decode_error'],
      ['o-1', 3, 'handler_error'],
    ]);
    expect(letters[0]).toMatchObject({
      subscription: 'billing',
      headers: { tenant: 'acme' },
      data: { orderId: 7 },
    });
    expect(letters[1]).toMatchObject({ event: undefined, data: 'not an envelope' });
    expect(letters[2]?.failures.map(({ error }) => error.message)).toEqual(
      Array.from({ length: 3 }, () => 'the bank does not answer'),
    );
    expect(harness.handled('billing')).toEqual([]);
  });

  it('does not count a replay as a publish, nor what was refused', async () => {
    for (const nth of [1, 2]) harness.faults.fail('billing', { nth, error: new Reject('not today') });
    await place('o-1');
    for (let replays = 0; replays < 2; replays++) {
      await harness.settled();
      await bus.deadLetters('billing').replay('o-1');
    }
    expect(harness.deadLettered('billing').map(({ headers }) => Object.keys(headers))).toEqual([[], []]);
    await expect(bus.publish('nobody.listens', null)).rejects.toMatchObject({ code: 'unroutable' });
    await harness.settled({ within: '30d' });
    expect(harness.handled('billing')).toHaveLength(1);
    expect(harness.published('order.placed')).toHaveLength(1);
    expect(harness.published('nobody.listens')).toEqual([]);
  });

  it('refuses what its own backend would refuse', async () => {
    await expect(place('o-1', { wait: 'handled' })).rejects.toMatchObject({ code: 'unsupported' });
  });

  describe('with faults', () => {
    it('gets a message twice', async () => {
      // #region duplicate
      harness.faults.duplicate('billing');
      await bus.publish('order.placed', { orderId: 'o-1', cents: 1_000 });
      await harness.settled({ within: '30d' });
      expect(app.get(Billing).charged).toEqual(['o-1']);
      // #endregion
      expect(harness.faults.pending).toEqual([]);
      harness.faults.duplicate('invoices');
      await bus.publish('invoice.due', { orderId: 'o-2' }, { id: 'due' });
      await harness.settled();
      expect(harness.handled('invoices').map(({ id }) => id)).toEqual([expect.any(String), 'due', 'due']);
    });

    it('gets messages in another order', async () => {
      harness.faults.reorder('billing', { nth: 2 });
      for (const id of ['o-1', 'o-2', 'o-3']) {
        await place(id);
        await harness.clock.advance(0);
      }
      await harness.settled({ within: '30d' });
      expect(app.get(Billing).charged).toEqual(['o-1', 'o-3', 'o-2']);
    });

    it('fails where the script says so, and nowhere else', async () => {
      harness.faults.fail('invoices', { nth: 4 });
      harness.faults.fail('billing', { nth: 2 });
      harness.faults.fail('billing', { nth: 3, error: new Reject('not today') });
      for (const id of ['o-1', 'o-2', 'o-3']) await place(id);
      await harness.settled({ within: '30d' });
      expect(harness.handled('billing').map(({ id, attempt }) => [id, attempt])).toEqual([
        ['o-1', 1],
        ['o-2', 2],
      ]);
      expect(harness.deadLettered('billing')).toMatchObject([{ id: 'o-3', failure: { reason: 'rejected' } }]);
      const [letter] = await bus.deadLetters('billing').browse();
      expect(letter?.id).toBe('o-3');
      expect(harness.faults.pending).toEqual([{ kind: 'fail', subscription: 'invoices', nth: 2 }]);
    });

    it('dies before its ack, and is idempotent', async () => {
      // #region crash
      harness.faults.crashBeforeAck('billing');
      await bus.publish('order.placed', { orderId: 'o-1', cents: 1_000 });
      await harness.settled({ within: '30d' });
      expect(app.get(Billing).charged).toEqual(['o-1']);
      // #endregion
      expect(harness.faults.pending).toEqual([]);
      harness.faults.crashBeforeAck('invoices');
      await bus.publish('invoice.due', { orderId: 'o-2' }, { id: 'due' });
      await harness.settled();
      const runs = harness.handled('invoices').filter(({ id }) => id === 'due');
      expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2]);
    });

    it('says which did not strike, and refuses those that never can', () => {
      harness.faults.duplicate('billing', { nth: 3 });
      expect(harness.faults.pending).toEqual([{ kind: 'duplicate', subscription: 'billing', nth: 3 }]);
      expect(() => harness.faults.fail('biling')).toThrow('the subscription "biling"');
      expect(() => harness.faults.fail('billing', { nth: 0 })).toThrow('nth is 0');
    });
  });

  it('owns the time', async () => {
    // #region time
    const due = harness.clock.now() + 14 * 86_400_000;
    await bus.publish('order.placed', { orderId: 'o-1', cents: 1_000 });
    await harness.clock.advance(13 * 86_400_000);
    expect(harness.published('invoice.sent')).toEqual([]);
    await harness.settled();
    expect(harness.clock.now()).toBe(due);
    // #endregion
  });

  it('begins anew after a reset, at the present time', async () => {
    await place('o-1');
    await harness.clock.advance(0);
    harness.faults.duplicate('trail');
    await place('o-2', { delay: '1h' });
    await bus.publish('order.placed', { orderId: 7 }, { id: 'bad' });
    await harness.clock.advance(0);
    await harness.reset();
    expect(harness.faults.pending).toEqual([]);
    expect(harness.published('order.placed')).toEqual([]);
    expect(harness.deadLettered('billing')).toEqual([]);
    expect(await bus.deadLetters('billing').browse()).toEqual([]);
    await place('o-1');
    await place('o-2');
    await harness.settled({ within: '30d' });
    expect(app.get(Billing).charged).toEqual(['o-1', 'o-1', 'o-2']);
  });

  it('spies on no subscription that does not exist', () => {
    expect(() => harness.handled('biling')).toThrow('there are: billing, invoices, trail');
    expect(() => harness.deadLettered('biling')).toThrow('the subscription "biling"');
  });
});

describe('what does not settle', () => {
  @Injectable()
  class PingPong {
    constructor(private readonly bus: Bus) {}
    @Consume('ping', { subscription: 'ping' })
    async onPing(): Promise<void> {
      await this.bus.publish('ping', null);
    }
    @Consume('quiet', { subscription: 'quiet' })
    onQuiet(): void {}
  }

  beforeEach(() => start(memory(), [PingPong]));

  it('is a subscription that is paused', async () => {
    app.get(QueueRegistry).pause('quiet');
    await bus.publish('quiet', null);
    await expect(harness.settled()).rejects.toThrow(
      'no time will change anything. Still open: "quiet" (PingPong.onQuiet, paused, on main) with 1 ready, 0 delayed, 0 in flight',
    );
    app.get(QueueRegistry).resume('quiet');
    await harness.settled();
  });

  it('is what lies too far ahead, to which time does not run', async () => {
    const before = harness.clock.now();
    await bus.publish('quiet', null, { delay: '1h' });
    await expect(harness.settled({ within: '59m' })).rejects.toMatchObject({
      code: 'not_settled',
      message: expect.stringContaining('takes longer than 3540000 ms'),
      open: [{ subscription: 'quiet', delayed: 1 }],
    });
    expect(harness.clock.now()).toBeLessThan(before + 3_540_000);
    await harness.settled({ within: '1h' });
    expect(harness.handled('quiet')).toHaveLength(1);
  });

  it('is a conversation without end', async () => {
    await bus.publish('ping', null);
    await expect(harness.settled({ maxDeliveries: 100 })).rejects.toThrow('more than 100 deliveries');
    expect(harness.handled('ping').length).toBeLessThan(200);
    app.get(QueueRegistry).pause('ping');
  });
});

describe('a handler that waits', () => {
  let letGo: () => void;
  const held: { context?: MessageContext } = {};

  @Injectable()
  class Waiting {
    @Consume('file', { subscription: 'file' })
    async onFile(): Promise<void> {
      await readFile(import.meta.filename);
    }
    @Consume('turns', { subscription: 'turns' })
    async onTurns(@Payload() count: number): Promise<void> {
      for (let turn = 0; turn < count; turn++) await setImmediate();
    }
    @Consume('hang', { subscription: 'hang', timeout: '20m' })
    @Retry({ attempts: 2, backoff: fixed('1m') })
    async onHang(@Ctx() context: MessageContext): Promise<void> {
      held.context = context;
      await new Promise<void>((_resolve, reject) =>
        context.signal.addEventListener('abort', () => reject(context.signal.reason as Error)),
      );
    }
    @Consume('stuck', { subscription: 'stuck' })
    async onStuck(@Ctx() context: MessageContext): Promise<void> {
      held.context = context;
      await new Promise<void>((resolve) => (letGo = resolve));
    }
  }

  const begin = (patience: Duration): Promise<void> => start(memory(), [Waiting], { patience });

  it('for the real world is given real time', async () => {
    await begin('1m');
    const before = harness.clock.now();
    for (let count = 0; count < 20; count++) {
      await bus.publish('file', null);
      await bus.publish('turns', count);
      await harness.settled();
      expect(harness.handled('file')).toHaveLength(count + 1);
      expect(harness.handled('turns')).toHaveLength(count + 1);
    }
    expect(harness.clock.now()).toBe(before);
  });

  it('for the real world is given it at the end, too', async () => {
    await begin('1m');
    await bus.publish('stuck', null);
    await harness.clock.advance(0);
    const before = harness.clock.now();
    const closing = app.close();
    for (let turn = 0; turn < 50; turn++) await setImmediate();
    letGo();
    await closing;
    expect(harness.clock.now()).toBe(before);
    expect(harness.handled('stuck')).toHaveLength(1);
    expect(held.context?.signal.aborted).toBe(false);
  });

  it('for nothing meets its timeout', async () => {
    await begin('20ms');
    await bus.publish('hang', null);
    await harness.settled();
    expect(harness.deadLettered('hang')).toMatchObject([{ attempt: 2, failure: { reason: 'timeout' } }]);
  });

  it('does not keep the application from closing', async () => {
    await begin('20ms');
    await bus.publish('stuck', null);
    await harness.clock.advance(0);
    await app.close();
    expect(held.context?.signal.aborted).toBe(true);
    letGo();
  });
});

describe('on a backend that is memory anyway', () => {
  @Injectable()
  class Handlers {
    @Consume('t', { subscription: 's' })
    handle(): void {}
    @Consume('t', { subscription: 'other' })
    handleToo(): void {}
    @Consume('doomed', { subscription: 'doomed' })
    refuse(): void {
      throw new Reject('no');
    }
  }
  const lossy = { name: 'main', driver: 'memory', faults: { loseSettleAnswer: 0.3 } } as const;

  it('a duplicate reaches one subscription', async () => {
    await start(memory(), [Handlers]);
    harness.faults.duplicate('s');
    await bus.publish('t', null);
    await harness.settled();
    expect([harness.handled('s').length, harness.handled('other').length]).toEqual([2, 1]);
  });

  it('whoever waits until a message is handled waits through a crash', async () => {
    await start(memory(), [Handlers]);
    harness.faults.crashBeforeAck('s');
    const runs = bus.publish('t', null, { wait: 'handled' }).then(() => harness.handled('s').length);
    await harness.settled();
    expect(await runs).toBe(2);
  });

  it('a dead letter is seen once, although the answer to its settlement was lost', async () => {
    await start(memory({ backends: [lossy] }), [Handlers]);
    const ids = Array.from({ length: 30 }, (_, at) => `m-${at}`);
    for (const id of ids) await bus.publish('doomed', null, { id });
    await harness.settled();
    await harness.clock.advance(10_000); // until every settlement was answered
    expect(
      harness
        .deadLettered('doomed')
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids.toSorted());
  });
});

describe('the module', () => {
  it('keeps the options of memory, its in-process events, and the interceptors of the application', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Handlers {
      @Consume('t', { subscription: 's' })
      handle(): void {}
    }
    await start(
      QueueModule.forRoot({
        source: 'urn:test',
        backends: [
          { name: 'main', driver: memoryBackend, primary: true },
          { name: 'small', driver: 'memory', maxBytes: 200 },
        ],
        topology: { subscriptions: [{ name: 'other', topics: ['t'], backend: 'small' }] },
        interceptors: [{ intercept: (context, next) => (seen.push(context.id), next()) }],
      }),
      [Handlers],
    );
    await bus.publish('t', null, { id: 'one', wait: 'handled' });
    expect(seen).toEqual(['one']);
    const small = app.get<Bus>(getBusToken('small'));
    await expect(small.publishRaw('t', 'x'.repeat(201))).rejects.toMatchObject({ code: 'payload_too_large' });
    await small.publishRaw('t', 'x');
    await harness.settled();
    expect(harness.published('t')).toMatchObject([{ backend: 'main' }, { backend: 'small', data: 'x' }]);
  });

  it('makes the same run of the same seed', async () => {
    const ids: string[] = [];
    for (const seed of [1, 1, 2]) {
      await start(memory({ topology: { subscriptions: [{ name: 's', topics: ['t'] }] } }), [], { seed });
      ids.push((await bus.publish('t', null)).id);
      await app.close();
    }
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });
});
