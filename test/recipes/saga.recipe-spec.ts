import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import {
  Bus,
  Consume,
  Idempotent,
  InjectStore,
  Payload,
  QueueModule,
  RetryAfter,
  type Store,
} from '@pigeonpost/queue';

interface Order {
  readonly orderId: string;
}

type Step = 'reserving' | 'charging' | 'confirmed' | 'cancelled';

/** Which step each order has reached. A step that is already behind is not taken again. */
@Injectable()
class OrderSteps {
  constructor(@InjectStore('events') private readonly store: Store) {}

  async of(orderId: string): Promise<Step | undefined> {
    const [entry] = await this.store.read([`order-saga/${orderId}`]);
    return entry?.value as Step | undefined;
  }

  /** False when the order is not where it would leave from, also when somebody else has just moved it. */
  async move(orderId: string, from: Step | undefined, to: Step): Promise<boolean> {
    const key = `order-saga/${orderId}`;
    const [entry] = await this.store.read([key]);
    if (entry?.value !== from) return entry?.value === to;
    const moved = await this.store.write([{ op: 'put', key, value: to, if: entry?.version ?? 'absent' }]);
    return moved.ok;
  }
}

/** Decides the next step. Each command has an id made of the order's, so that a repeated decision is one command. */
@Injectable()
class OrderSaga {
  constructor(
    private readonly bus: Bus,
    private readonly steps: OrderSteps,
  ) {}

  @Consume('order.placed', { subscription: 'saga.placed' })
  async onPlaced(@Payload() order: Order): Promise<void> {
    if (!(await this.steps.move(order.orderId, undefined, 'reserving'))) return;
    await this.bus.publish('order.overdue', order, { id: `${order.orderId}.overdue`, delay: '1h' });
    await this.command('stock.reserve', order); // last, because with it the order can leave this step
  }

  @Consume('stock.reserved', { subscription: 'saga.reserved' })
  async onReserved(@Payload() order: Order): Promise<void> {
    if (await this.steps.move(order.orderId, 'reserving', 'charging'))
      await this.command('card.charge', order);
  }

  @Consume('card.charged', { subscription: 'saga.charged' })
  async onCharged(@Payload() order: Order): Promise<void> {
    await this.steps.move(order.orderId, 'charging', 'confirmed');
  }

  /** Undoes every step, whatever was done by now: undoing what was never done keeps it from being done later. */
  @Consume(['card.declined', 'order.overdue'], { subscription: 'saga.failed' })
  async onFailed(@Payload() order: Order): Promise<void> {
    const step = await this.steps.of(order.orderId);
    if (step === 'confirmed') return;
    if (!(await this.steps.move(order.orderId, step, 'cancelled'))) throw new RetryAfter('1s');
    await this.command('card.refund', order);
    await this.command('stock.release', order);
  }

  private async command(topic: string, order: Order): Promise<void> {
    await this.bus.publish(topic, order, { id: `${order.orderId}.${topic}`, key: order.orderId });
  }
}
// #endregion

@Injectable()
class Stock {
  readonly reserved = new Set<string>();
  readonly released = new Set<string>();
  constructor(private readonly bus: Bus) {}

  // #region participant
  @Consume('stock.reserve', { subscription: 'stock.reserve' })
  @Idempotent()
  async onReserve(@Payload() { orderId }: Order): Promise<void> {
    if (this.released.has(orderId)) return; // its undoing was faster
    this.reserved.add(orderId);
    await this.bus.publish('stock.reserved', { orderId }, { id: `${orderId}.stock.reserved` });
  }

  @Consume('stock.release', { subscription: 'stock.release' })
  @Idempotent()
  onRelease(@Payload() { orderId }: Order): void {
    this.released.add(orderId);
    this.reserved.delete(orderId);
  }
  // #endregion
}

@Injectable()
class Cards {
  readonly charged = new Set<string>();
  readonly refunded = new Set<string>();
  balance = 1;
  asleep = false;
  constructor(private readonly bus: Bus) {}

  @Consume('card.charge', { subscription: 'cards.charge' })
  @Idempotent()
  async onCharge(@Payload() { orderId }: Order): Promise<void> {
    if (this.asleep) throw new RetryAfter('2h');
    if (this.refunded.has(orderId)) return;
    if (this.balance > 0) {
      this.balance--;
      this.charged.add(orderId);
      await this.bus.publish('card.charged', { orderId }, { id: `${orderId}.card.charged` });
    } else await this.bus.publish('card.declined', { orderId }, { id: `${orderId}.card.declined` });
  }

  @Consume('card.refund', { subscription: 'cards.refund' })
  @Idempotent()
  onRefund(@Payload() { orderId }: Order): void {
    this.refunded.add(orderId);
    if (this.charged.delete(orderId)) this.balance++;
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:shop',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [OrderSteps, OrderSaga, Stock, Cards],
})
class ShopModule {}

const STEPS = [
  'saga.placed',
  'stock.reserve',
  'saga.reserved',
  'cards.charge',
  'saga.charged',
  'saga.failed',
];

beforeAll(() => Logger.overrideLogger(false));

describe('a saga', () => {
  let app: TestingModule;
  let harness: QueueHarness;
  let bus: Bus;

  beforeEach(async () => {
    app = await Test.createTestingModule({ imports: [ShopModule, QueueTestingModule.forRoot()] }).compile();
    await app.init();
    [harness, bus] = [app.get(QueueHarness), app.get(Bus)];
  });

  afterEach(() => app.close());

  const stepOf = (orderId: string): Promise<Step | undefined> => app.get(OrderSteps).of(orderId);

  it('confirms when every step succeeds, though each is repeated by a crash', async () => {
    for (const step of STEPS) harness.faults.crashBeforeAck(step);
    await bus.publish('order.placed', { orderId: 'o-1' });
    await harness.settled();
    expect(await stepOf('o-1')).toBe('confirmed');
    expect([...app.get(Stock).reserved]).toEqual(['o-1']);
    expect([...app.get(Cards).charged]).toEqual(['o-1']);
    expect(app.get(Cards).balance).toBe(0);
  });

  it('takes back what was done when a later step is declined', async () => {
    app.get(Cards).balance = 0;
    for (const step of STEPS) harness.faults.duplicate(step);
    await bus.publish('order.placed', { orderId: 'o-1' });
    await harness.settled();
    expect(await stepOf('o-1')).toBe('cancelled');
    expect([...app.get(Stock).reserved]).toEqual([]);
  });

  it('gives up on a participant that does not answer, and what it does later is nothing', async () => {
    const cards = app.get(Cards);
    cards.asleep = true;
    await bus.publish('order.placed', { orderId: 'o-1' });
    await harness.clock.advance(3_700_000);
    expect(await stepOf('o-1')).toBe('cancelled');
    expect([...app.get(Stock).reserved]).toEqual([]);

    cards.asleep = false;
    await harness.settled();
    expect(harness.handled('cards.charge')).toHaveLength(1);
    expect(cards.balance).toBe(1);
  });

  it('takes back a charge whose news came too late', async () => {
    harness.faults.fail('saga.charged', { error: new RetryAfter('2h') });
    await bus.publish('order.placed', { orderId: 'o-1' });
    await harness.settled();
    expect(await stepOf('o-1')).toBe('cancelled');
    expect(app.get(Cards).balance).toBe(1);
  });
});
