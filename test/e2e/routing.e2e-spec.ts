import { Injectable, Module, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  type ConsumeOptions,
  exponential,
  Idempotent,
  type MessageInterceptor,
  Payload,
  type Peeked,
  QueueExplainer,
  QueueModule,
  Retry,
} from '@pigeonpost/queue';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';
import { IsInt, IsString } from 'class-validator';

let app: TestingModule;
let bus: Bus;
let clock: VirtualClock;
let log: unknown[];

async function start(...providers: Type[]): Promise<void> {
  const queue = QueueModule.forRoot({
    source: 'urn:test',
    backends: [{ name: 'main', driver: 'memory' }],
    ambient: testAmbient(clock),
  });
  app = await Test.createTestingModule({ imports: [queue], providers })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await app.init();
  bus = app.get(Bus);
}

/** Publishes and waits until the message is handled or dead. */
async function handle(data: unknown, type: string, headers: Record<string, string> = {}): Promise<unknown> {
  let outcome: unknown;
  bus.publish('orders', data, { wait: 'handled', type, headers }).then(
    () => (outcome = 'handled'),
    (error: unknown) => (outcome = error),
  );
  await clock.runUntil(() => outcome !== undefined, 3_600_000);
  return outcome;
}

async function deadLetters(): Promise<readonly Peeked[]> {
  return bus.deadLetters('desk').browse();
}

beforeEach(() => {
  log = [];
  clock = new VirtualClock();
});

afterEach(async () => {
  await app.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers were left behind`);
});

const noting: MessageInterceptor = {
  intercept: (_context, next) => {
    log.push('around');
    return next();
  },
};

class Placed {
  @IsString() id!: string;
}
class Paid {
  @IsInt() cents!: number;
}

const SUBSCRIPTION = { subscription: 'desk' } as const;

/** A class with one handler for each of the options. */
function desk(...all: readonly ConsumeOptions[]): Type {
  class Desk {}
  all.forEach((options, at) => {
    const method = `on${at}`;
    const descriptor = { value: () => void log.push(at), configurable: true, writable: true };
    Object.defineProperty(Desk.prototype, method, descriptor);
    Consume('orders', { ...SUBSCRIPTION, ...options })(Desk.prototype, method, descriptor);
  });
  return Injectable()(Desk) ?? Desk;
}

describe('several handlers of one subscription', () => {
  // #region handlers
  @Injectable()
  class Desk {
    @Consume('orders', { subscription: 'desk', type: 'order.placed', concurrency: 4 })
    @Retry({ attempts: 2, backoff: exponential('1s') })
    onPlaced(@Payload() order: Placed): void {
      log.push(['placed', order]);
    }

    @Consume('orders', { subscription: 'desk', type: 'order.paid', headers: { currency: 'EUR' } })
    onPaidInEuro(@Payload() payment: Paid): void {
      log.push(['paid in euro', payment]);
    }

    @Consume('orders', { subscription: 'desk', type: 'order.paid', headers: { currency: 'USD' } })
    onPaidInDollar(@Payload() payment: Paid): void {
      log.push(['paid in dollar', payment]);
    }
  }
  // #endregion

  it('each get what they take, with their own payload', async () => {
    await start(Desk);
    await handle({ id: 'o-1' }, 'order.placed');
    await handle({ cents: 5 }, 'order.paid', { currency: 'EUR' });
    await handle({ cents: 6 }, 'order.paid', { currency: 'USD' });
    expect(log).toEqual([
      ['placed', { id: 'o-1' }],
      ['paid in euro', { cents: 5 }],
      ['paid in dollar', { cents: 6 }],
    ]);
    expect(log.map((entry) => (entry as [string, object])[1].constructor)).toEqual([Placed, Paid, Paid]);
  });

  it('have dead letters that name the handler, and one where there is none', async () => {
    await start(Desk);
    await handle({ id: 7 }, 'order.placed');
    await handle({ cents: 5 }, 'order.paid', { currency: 'GBP' });
    const failures = (await deadLetters()).map(({ failures: [failure] }) => failure);
    expect(failures).toMatchObject([
      { handler: 'Desk.onPlaced', reason: 'invalid_payload' },
      {
        handler: 'Desk.onPlaced and Desk.onPaidInEuro and Desk.onPaidInDollar',
        reason: 'no_handler',
        error: { message: expect.stringContaining('takes message') as unknown, code: 'no_handler' },
      },
    ]);
    expect(log).toEqual([]);
  });

  it('are one consumer, with one plan', async () => {
    await start(Desk);
    const [plan, ...others] = app.get(QueueExplainer).plan();
    expect(others).toEqual([]);
    expect(plan).toMatchObject({
      handler: 'Desk.onPlaced and Desk.onPaidInEuro and Desk.onPaidInDollar',
      topics: ['orders'],
      entries: expect.arrayContaining([
        expect.objectContaining({ need: 'concurrency', asked: '4 at once, prefetch auto' }),
        expect.objectContaining({ need: 'retry', asked: expect.stringContaining('1 retries') as unknown }),
        expect.objectContaining({
          need: 'routing',
          leaves: 'a message that no handler takes is a dead letter',
        }),
      ]) as unknown,
    });
  });

  it('can leave the rest to one of them, or to nobody', async () => {
    await start(desk({}, { type: ['a', 'b'], interceptors: [noting] }));
    for (const type of ['b', 'c']) await handle({}, type);
    expect(log).toEqual(['around', 1, 0]);
    await app.close();
    await start(desk({ type: 'a', otherwise: 'ack' }));
    expect(await handle({}, 'c')).toBe('handled');
    expect(await deadLetters()).toEqual([]);
    expect(app.get(QueueExplainer).table()).toContain('a message that no handler takes is gone, unhandled');
  });

  it.each<[string, ConsumeOptions, ConsumeOptions, string]>([
    ['everything twice', {}, {}, 'subscription "desk" is claimed by Desk.on0 and by Desk.on1'],
    [
      'types in common',
      { type: ['a', 'b'] },
      { type: ['b', 'c'] },
      'Desk.on1: it and Desk.on0 would both take some messages of subscription "desk"',
    ],
    ['a header in common', { headers: { x: '1' } }, { headers: { x: '1', y: '2' } }, 'would both take some'],
    ['a type, and a header', { type: 'a' }, { headers: { x: '1' } }, 'would both take some'],
    [
      'two concurrencies',
      { type: 'a', concurrency: 2 },
      { type: 'b', concurrency: 3 },
      'Desk.on1: it shares a subscription with Desk.on0, and they differ in `concurrency`',
    ],
    ['bytes', { type: 'a', raw: true }, { type: 'b' }, 'a raw handler gets bytes, of which no type is known'],
    ['no types', { type: [] }, { type: 'b' }, 'Desk.on0: `type` must name one type at least'],
    ['headers of ours', { headers: { 'pp-x': '1' } }, { type: 'b' }, 'header "pp-x" is reserved'],
    ['nothing otherwise', { type: 'a', otherwise: 'ack' }, {}, 'Desk.on0: `otherwise` has nothing to decide'],
    ['something else otherwise', { type: 'a', otherwise: 'x' as never }, { type: 'b' }, 'otherwise is "x"'],
  ])('are refused that take or say the same: %s', async (_what, first, second, why) => {
    await expect(start(desk(first, second))).rejects.toThrow(why);
  });

  it('are refused when their decorators say different things, or their modules differ', async () => {
    @Injectable()
    class Torn {
      @Consume('orders', { ...SUBSCRIPTION, type: 'a' })
      @Idempotent({ ttl: '1d' })
      one(): void {}
      @Consume('orders', { ...SUBSCRIPTION, type: 'b' })
      @Idempotent({ ttl: '2d' })
      two(): void {}
    }
    await expect(start(Torn)).rejects.toThrow('they differ in @Idempotent, which counts for both');
    @Module({ providers: [desk({ type: 'a' })] })
    class Elsewhere {}
    const both = Test.createTestingModule({
      imports: [
        Elsewhere,
        QueueModule.forRoot({ source: 'urn:test', backends: [{ name: 'main', driver: 'memory' }] }),
      ],
      providers: [desk({ type: 'b' })],
    });
    const module = await both.setLogger({ log() {}, warn() {}, error() {} }).compile();
    await expect(module.init()).rejects.toThrow('of another module: provide both in one module');
  });
});
