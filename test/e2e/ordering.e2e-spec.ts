import { Injectable, Logger, Module } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { Bus, Consume, Payload, PlanRefusedError, QueueModule, Retry } from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { weakened } from '@pigeonpost/queue/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';

interface Change {
  readonly account: string;
  readonly change: number;
}

@Injectable()
class Ledger {
  readonly booked: string[] = [];
  /** Fails so often before it succeeds. */
  failures = 0;

  // #region consume
  @Consume('account.changed', {
    subscription: 'ledger',
    order: { by: 'key', onRetry: 'block-key', onDead: 'hold' },
  })
  @Retry({ attempts: 3 })
  async book(@Payload() { account, change }: Change): Promise<void> {
    await this.write(account, change);
  }
  // #endregion

  async write(account: string, change: number): Promise<void> {
    if (account === 'a' && this.failures-- > 0) throw new Error('the ledger is closed');
    this.booked.push(`${account}${change}`);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:bank',
      backends: [{ name: 'events', driver: 'memory' }],
    }),
  ],
  providers: [Ledger],
})
class BankModule {}

beforeAll(() => Logger.overrideLogger(false));

describe('a handler with an order by key', () => {
  let app: TestingModule;
  let bus: Bus;
  let ledger: Ledger;

  beforeEach(async () => {
    app = await Test.createTestingModule({ imports: [BankModule, QueueTestingModule.forRoot()] }).compile();
    await app.init();
    [bus, ledger] = [app.get(Bus), app.get(Ledger)];
  });
  afterEach(() => app.close());

  /** Three changes of each of two accounts. */
  async function publishAll(): Promise<void> {
    for (const change of [1, 2, 3]) {
      for (const account of ['a', 'b'])
        await bus.publish('account.changed', { account, change }, { key: account });
    }
  }

  const bookedOf = (account: string): readonly string[] =>
    ledger.booked.filter((name) => name.startsWith(account));

  it('gets them in order, though the first one needs a second attempt', async () => {
    ledger.failures = 2;
    await publishAll();
    await app.get(QueueHarness).settled();
    expect(bookedOf('a')).toEqual(['a1', 'a2', 'a3']);
    expect(bookedOf('b')).toEqual(['b1', 'b2', 'b3']);
    expect(ledger.booked.slice(0, 3)).toEqual(['b1', 'b2', 'b3']);
  });

  it('stands still behind a dead letter until that is replayed', async () => {
    ledger.failures = 3;
    await publishAll();
    const harness = app.get(QueueHarness);
    await harness.settled();
    expect(ledger.booked).toEqual(['b1', 'b2', 'b3']);
    expect(await bus.depth('ledger')).toMatchObject([{ ready: 0, held: 2, dead: 1 }]);
    const [letter] = await bus.deadLetters('ledger').browse();
    expect(letter).toMatchObject({ key: 'a', holdsKey: true });
    await bus.deadLetters('ledger').replay(letter?.id as string);
    await harness.settled();
    expect(bookedOf('a')).toEqual(['a1', 'a2', 'a3']);
    expect(await bus.depth('ledger')).toMatchObject([{ ready: 0, held: 0, dead: 0 }]);
  });
});

describe('an order that the backend does not have', () => {
  class Careless {
    @Consume('account.changed', {
      subscription: 'careless',
      order: 'key',
      accept: ['another-order', 'overtaken'],
    })
    book(): void {}
  }

  const start = async (onDead: 'skip' | 'hold'): Promise<TestingModule> => {
    const driver = weakened(memoryBackend, { order: 'none', onRetry: 'breaks', onDead });
    const backends = [{ name: 'weak', driver }];
    const queue = QueueModule.forRoot({ source: 'urn:service:bank', backends, consume: false });
    const app = await Test.createTestingModule({ imports: [queue], providers: [Careless] }).compile();
    return app.init();
  };

  it('stops the start, by each name that was not accepted', async () => {
    const refusal = await start('skip').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(PlanRefusedError);
    expect(String(refusal)).toContain(
      `Careless.book asks for order on death (a key waits for its dead letter), but backend "weak" lets a key go on`,
    );
    expect(String(refusal)).not.toContain('asks for order (');
  });

  it('is not asked of the backend when the handler can do without', async () => {
    const app = await start('hold');
    const bus = app.get(Bus);
    await bus.publish('account.changed', 1, { key: 'a' });
    await bus.publish('account.changed', 2, { key: 'a' });
    expect(await bus.depth('careless')).toMatchObject([{ held: 0 }]);
    await app.close();
  });
});
