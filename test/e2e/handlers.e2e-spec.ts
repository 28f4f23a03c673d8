import {
  Catch,
  createParamDecorator,
  Global,
  Inject,
  Injectable,
  Module,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ParseIntPipe,
  type CanActivate,
  type DynamicModule,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  type Type,
} from '@nestjs/common';
import {
  APP_GUARD,
  APP_INTERCEPTOR,
  ContextIdFactory,
  REQUEST,
  type ContextId,
  type ContextIdResolver,
  type HostComponentInfo,
} from '@nestjs/core';
import { Ctx as NestCtx, Payload as NestPayload } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  Ctx,
  DeadLetter,
  Event,
  fixed,
  Idempotent,
  isQueueContext,
  Payload,
  QueueModule,
  Reject,
  Release,
  Retry,
  RetryAfter,
  type DomainEvent,
  type MessageContext,
  type MessageInterceptor,
  type Peeked,
  type StandardSchema,
} from '@pigeonpost/queue';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';
import { Type as TypeOf } from 'class-transformer';
import { IsInt, IsString, Min, ValidateNested } from 'class-validator';
import { tap } from 'rxjs';

let app: TestingModule;
let bus: Bus;
let clock: VirtualClock;
let log: unknown[];

const note = (entry: unknown): void => void log.push(entry);

async function start(
  providers: readonly Provider[],
  imports: readonly (Type | DynamicModule)[] = [],
): Promise<void> {
  const queue = QueueModule.forRoot({
    source: 'urn:test',
    group: 'g',
    backends: [{ name: 'main', driver: 'memory' }],
    ambient: testAmbient(clock),
  });
  app = await Test.createTestingModule({ imports: [queue, ...imports], providers: [...providers] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await app.init();
  bus = app.get(Bus);
}

/** Publishes and waits until the message is handled or dead. */
async function handle(topic: string, data: unknown, options = {}): Promise<unknown> {
  let outcome: unknown;
  bus.publish(topic, data, { wait: 'handled', ...options }).then(
    () => (outcome = 'handled'),
    (error: unknown) => (outcome = error),
  );
  await clock.runUntil(() => outcome !== undefined, 3_600_000);
  return outcome;
}

async function deadLetter(subscription: string): Promise<Peeked | undefined> {
  return (await bus.deadLetters(subscription).browse())[0];
}

beforeEach(() => {
  log = [];
  clock = new VirtualClock();
});

afterEach(async () => {
  await app.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers were left behind`);
});

describe('what a handler gets', () => {
  const Topic = createParamDecorator(
    (_data: unknown, context: ExecutionContext) => context.switchToRpc().getContext<MessageContext>().topic,
  );

  abstract class Base {
    @Consume('inherited')
    inherited(data: unknown): void {
      note(['inherited', this.constructor.name, data]);
    }
    @Consume('overridden')
    overridden(): void {
      note('never');
    }
  }

  @Injectable()
  class Handlers extends Base {
    override overridden(): void {
      note('never either');
    }
    @Consume('plain')
    plain(...args: unknown[]): void {
      const [data, context] = args as [unknown, MessageContext];
      note([data, args.length, context.topic, context.subscription, context.attempt, context.headers['h']]);
    }
    @Consume('ours')
    ours(
      @Payload('name') name: string,
      @Event() event: DomainEvent,
      @Ctx() context: MessageContext,
      @Topic() topic: string,
    ): void {
      note([name, event.event_type, event.event_id === context.id, topic, context.signal.aborted]);
    }
    @Consume('nests')
    nests(@NestPayload() data: unknown, @NestCtx() context: MessageContext): void {
      note([data, context.topic]);
    }
    @Consume('one')
    @Consume(['two', 'three'], { subscription: 'both' })
    stacked(_data: unknown, { topic, subscription }: MessageContext): void {
      note([topic, subscription]);
    }
    @Consume('any.#', { subscription: 'any' })
    any(_data: unknown, { topic, event }: MessageContext): void {
      note([topic, event?.event_type]);
    }
    @Consume('raw', { raw: true })
    raw(bytes: Uint8Array, { event }: MessageContext): void {
      note([Buffer.from(bytes).toString(), event]);
    }
    @Consume('enveloped')
    enveloped(): void {
      note('never');
    }
  }

  beforeEach(() => start([Handlers]));

  it('is data and context without parameter decorators', async () => {
    await handle('plain', { a: 1 }, { headers: { h: 'v' } });
    expect(log).toEqual([[{ a: 1 }, 2, 'plain', 'g.plain', 1, 'v']]);
  });

  it('is what its parameter decorators ask for, ours and those of Nest', async () => {
    await handle('ours', { name: 'n' });
    await handle('nests', { a: 1 });
    expect(log).toEqual([
      ['n', 'ours', true, 'ours', false],
      [{ a: 1 }, 'nests'],
    ]);
  });

  it('comes from every topic of every @Consume', async () => {
    for (const topic of ['one', 'two', 'three']) await handle(topic, null);
    expect(log).toEqual([
      ['one', 'g.one'],
      ['two', 'both'],
      ['three', 'both'],
    ]);
  });

  it('comes from every topic that a pattern stands for', async () => {
    for (const topic of ['any', 'any.thing']) await handle(topic, {});
    expect(log).toEqual([
      ['any', 'any'],
      ['any.thing', 'any.thing'],
    ]);
    expect(await handle('anything', {})).toMatchObject({ code: 'unroutable' });
  });

  it('reaches an inherited method, and not one that was overridden', async () => {
    await handle('inherited', 1);
    await expect(handle('overridden', 1)).resolves.toMatchObject({ code: 'unroutable' });
    expect(log).toEqual([['inherited', 'Handlers', 1]]);
  });

  it('is the bytes for a raw handler; without an envelope a message of another handler is dead', async () => {
    await bus.publishRaw('raw', 'not json');
    await bus.publishRaw('enveloped', '{"hello":"world"}');
    await clock.runUntil(() => log.length > 0, 1_000);
    expect(log).toEqual([['not json', undefined]]);
    await clock.advance(1_000);
    expect(await deadLetter('g.enveloped')).toMatchObject({
      body: '{"hello":"world"}',
      attempts: 1,
      failures: [{ reason: 'not_an_event', handler: 'Handlers.enveloped' }],
    });
  });
});

describe('what a handler answers', () => {
  class Hopeless extends Error {}

  @Injectable()
  class Handlers {
    @Consume('fails')
    @Retry({ attempts: 3, backoff: fixed('10s'), never: [Hopeless] })
    fails(error: string, { attempt }: MessageContext): void {
      note([attempt, clock.mono()]);
      if (error === 'hopeless') throw new Hopeless('no');
      if (error === 'reject') throw new Reject('never');
      if (error === 'later' && attempt === 1) throw new RetryAfter('1m');
      if (error === 'release' && log.length === 1) throw new Release('5s');
      if (error === 'always') throw new TypeError('bad');
    }
    @Consume('once')
    @Idempotent({ key: (event) => event.tenant ?? 'none' })
    @DeadLetter({ maxCrashes: 1 })
    once(data: unknown): void {
      note(data);
    }
    @Consume('hangs', { timeout: '2s' })
    @Retry({ attempts: 1 })
    async hangs(_data: unknown, { signal }: MessageContext): Promise<void> {
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    }
  }

  beforeEach(() => start([Handlers]));

  it.each([
    ['nothing thrown', 'fine', [[1, 0]], 'handled'],
    [
      'an error, to the end of its attempts',
      'always',
      [
        [1, 0],
        [2, 10_000],
        [3, 20_000],
      ],
      { code: 'dead_lettered', failure: { attempt: 3, error: { name: 'TypeError' } } },
    ],
    ['an error that is never retried', 'hopeless', [[1, 0]], { code: 'dead_lettered' }],
    ['Reject', 'reject', [[1, 0]], { code: 'dead_lettered', failure: { reason: 'rejected' } }],
    [
      'RetryAfter',
      'later',
      [
        [1, 0],
        [2, 60_000],
      ],
      'handled',
    ],
    [
      'Release, which costs no attempt',
      'release',
      [
        [1, 0],
        [1, 5_000],
      ],
      'handled',
    ],
  ])('%s', async (_what, data, runs, outcome) => {
    const got = await handle('fails', data);
    if (typeof outcome === 'string') expect(got).toBe(outcome);
    else expect(got).toMatchObject(outcome);
    expect(log).toEqual(runs);
  });

  it('once per intent', async () => {
    await handle('once', 1, { tenant: 'a' });
    await handle('once', 2, { tenant: 'a' });
    await handle('once', 3, { tenant: 'b' });
    expect(log).toEqual([1, 3]);
  });

  it('in time', async () => {
    await expect(handle('hangs', null)).resolves.toMatchObject({ failure: { reason: 'timeout' } });
  });
});

describe('a payload', () => {
  class Item {
    @IsInt()
    @Min(1)
    count!: number;
  }
  class Order {
    @IsString()
    id!: string;
    @ValidateNested({ each: true })
    @TypeOf(() => Item)
    items!: Item[];
  }
  const evenNumbers: StandardSchema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value) =>
        Number(value) % 2 === 0
          ? { value: Number(value) }
          : { issues: [{ message: 'is odd', path: ['a', { key: 0 }] }] },
    },
  };

  @Injectable()
  class Handlers {
    @Consume('inferred')
    inferred(@Payload() order: Order, @Event() event: DomainEvent<Order>): void {
      note([
        order instanceof Order,
        order.items[0] instanceof Item,
        event.data === order,
        Object.keys(order),
      ]);
    }
    @Consume('undecorated')
    undecorated(order: Order): void {
      note(order instanceof Order);
    }
    @Consume('explicit', { payload: Order })
    explicit(@Payload('id') id: string): void {
      note(id);
    }
    @Consume('schema', { payload: evenNumbers })
    schema(value: unknown): void {
      note(value);
    }
    @Consume('param')
    param(@Payload({ schema: evenNumbers }) value: unknown): void {
      note(value);
    }
  }

  const order = { id: 'o', items: [{ count: 1 }], more: true };

  beforeEach(() => start([Handlers]));

  it.each(['inferred', 'undecorated', 'explicit'])(
    'of the right shape becomes its class: %s',
    async (topic) => {
      expect(await handle(topic, order)).toBe('handled');
      const seen = {
        inferred: [[true, true, true, ['id', 'items', 'more']]],
        undecorated: [true],
        explicit: ['o'],
      };
      expect(log).toEqual(seen[topic as keyof typeof seen]);
    },
  );

  it.each(['schema', 'param'])('is what a Standard Schema makes of it: %s', async (topic) => {
    expect(await handle(topic, '4')).toBe('handled');
    expect(log).toEqual([4]);
  });

  it.each([
    [
      'inferred',
      { id: 1, items: [{ count: 0 }] },
      [
        { path: 'id', message: 'id must be a string' },
        { path: 'items.0.count', message: 'count must not be less than 1' },
      ],
    ],
    ['undecorated', [order], [{ path: '', message: 'must be an object' }]],
    ['explicit', null, [{ path: '', message: 'must be an object' }]],
    [
      'explicit',
      JSON.parse('{"id":"o","items":[],"deep":{"__proto__":{"x":1}}}'),
      [{ path: 'deep.__proto__', message: 'the key "__proto__" is not allowed' }],
    ],
    ['schema', 3, [{ path: 'a.0', message: 'is odd' }]],
    ['param', 3, [{ path: 'a.0', message: 'is odd' }]],
  ])('of the wrong shape is dead at once, with the issues: %s', async (topic, data, details) => {
    await handle(topic, data);
    expect(log).toEqual([]);
    const letter = await deadLetter(`g.${topic}`);
    expect(letter).toMatchObject({
      attempts: 1,
      failures: [{ reason: 'invalid_payload', error: { code: 'invalid_payload', details } }],
    });
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('enhancers', () => {
  @Injectable()
  class GlobalGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      note(['global guard', isQueueContext(context)]);
      return true;
    }
  }
  class OtherGuard implements CanActivate {
    canActivate(): boolean {
      note('other guard');
      return true;
    }
  }
  @Injectable()
  class GlobalInterceptor implements NestInterceptor {
    intercept(
      ...[, next]: Parameters<NestInterceptor['intercept']>
    ): ReturnType<NestInterceptor['intercept']> {
      note('global interceptor');
      return next.handle();
    }
  }
  @Injectable()
  class Suffix {
    readonly text = '!';
  }
  @Injectable()
  class SuffixPipe implements PipeTransform {
    constructor(private readonly suffix: Suffix) {}
    transform(value: unknown): unknown {
      return `${String(value)}${this.suffix.text}`;
    }
  }
  @Injectable()
  class OddGuard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return context.switchToRpc().getData<string>() !== 'forbidden';
    }
  }
  class Tapping implements NestInterceptor {
    intercept(
      ...[, next]: Parameters<NestInterceptor['intercept']>
    ): ReturnType<NestInterceptor['intercept']> {
      return next.handle().pipe(tap((value) => note(`returned ${String(value)}`)));
    }
  }
  @Catch(RangeError)
  class RangeFilter implements ExceptionFilter {
    catch(error: RangeError): unknown {
      note(`filtered ${error.message}`);
      return 'handled';
    }
  }
  @Injectable()
  class Outer implements MessageInterceptor {
    constructor(private readonly suffix: Suffix) {}
    async intercept(context: MessageContext, next: () => Promise<unknown>): Promise<unknown> {
      note(`outer ${context.topic}${this.suffix.text}`);
      return next();
    }
  }
  const inner: MessageInterceptor = {
    async intercept(_context, next) {
      const value = await next();
      note(`inner ${String(value)}`);
      return value;
    },
  };

  @Injectable()
  class Handlers {
    @Consume('local', { interceptors: [Outer, inner] })
    @UseGuards(OddGuard)
    @UseInterceptors(Tapping)
    @UsePipes(SuffixPipe)
    @UseFilters(RangeFilter)
    @Retry({ attempts: 1 })
    local(data: string): string {
      if (data === 'range!') throw new RangeError('out');
      if (data === 'type!') throw new TypeError('wrong');
      return data;
    }
    @Consume('all', { enhancers: 'all' })
    all(): void {
      note('all');
    }
    @Consume('chosen', { enhancers: [GlobalGuard] })
    chosen(): void {
      note('chosen');
    }
    @Consume('piped')
    @UsePipes(ParseIntPipe)
    piped(data: number, context: MessageContext): void {
      note([data, context.topic]);
    }
  }

  beforeEach(() =>
    start([
      Handlers,
      Suffix,
      { provide: APP_GUARD, useClass: GlobalGuard },
      { provide: APP_GUARD, useClass: OtherGuard },
      { provide: APP_INTERCEPTOR, useClass: GlobalInterceptor },
    ]),
  );

  it('of the class and the method run, those of the application do not', async () => {
    expect(await handle('local', 'x')).toBe('handled');
    expect(log).toEqual(['outer local!', 'returned x!', 'inner x!']);
  });

  it('can refuse, swallow and pass on', async () => {
    expect(await handle('local', 'forbidden')).toMatchObject({
      failure: { error: { name: 'ForbiddenException' } },
    });
    expect(await handle('local', 'range')).toBe('handled');
    expect(log).toContain('filtered out');
    expect(await handle('local', 'type')).toMatchObject({
      failure: { error: { name: 'TypeError', message: 'wrong' } },
    });
  });

  it('of the application run where they are asked for', async () => {
    await handle('all', null);
    await handle('chosen', null);
    expect(log).toEqual([
      ['global guard', true],
      'other guard',
      'global interceptor',
      'all',
      ['global guard', true],
      'chosen',
    ]);
  });

  it('see the data of a handler without parameter decorators', async () => {
    expect(await handle('piped', '5')).toBe('handled');
    expect(log).toEqual([[5, 'piped']]);
  });
});

describe('a request-scoped handler', () => {
  let made = 0;

  @Injectable({ scope: Scope.REQUEST })
  class PerMessage {
    readonly number = ++made;
    constructor(@Inject(REQUEST) readonly context: MessageContext) {}
  }
  @Injectable()
  class ScopedGuard implements CanActivate {
    constructor(private readonly message: PerMessage) {}
    canActivate(): boolean {
      note(`guard ${this.message.number}`);
      return true;
    }
  }
  @Injectable()
  class Scoped {
    constructor(readonly message: PerMessage) {}
    @Consume('scoped')
    @UseGuards(ScopedGuard)
    handle(@Payload() data: string): void {
      note([data, this.message.number, this.message.context.topic]);
    }
  }
  @Injectable({ scope: Scope.REQUEST })
  class ScopedGlobal implements CanActivate {
    constructor(private readonly message: PerMessage) {}
    canActivate(): boolean {
      note(`global ${this.message.number}`);
      return true;
    }
  }
  @Injectable()
  class WithGlobals {
    @Consume('globals', { enhancers: 'all' })
    handle(): void {
      note('handled');
    }
  }

  beforeEach(() => (made = 0));

  it('is made anew for each message, with its enhancers, and has the message as REQUEST', async () => {
    await start([PerMessage, Scoped]);
    await handle('scoped', 'a');
    await handle('scoped', 'b');
    expect(log).toEqual(['guard 1', ['a', 1, 'scoped'], 'guard 2', ['b', 2, 'scoped']]);
  });

  it('gets request-scoped enhancers of the application where it asks for them', async () => {
    await start([PerMessage, WithGlobals, { provide: APP_GUARD, useClass: ScopedGlobal }]);
    await handle('globals', null);
    await handle('globals', null);
    expect(log).toEqual(['global 1', 'handled', 'global 2', 'handled']);
  });

  it('shares durable providers by what the strategy finds in the message', async () => {
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class PerTenant {
      readonly number = ++made;
      constructor(@Inject(REQUEST) readonly payload: { readonly tenant: string }) {}
    }
    @Injectable()
    class Durable {
      constructor(readonly tenant: PerTenant) {}
      @Consume('durable')
      handle(): void {
        note([this.tenant.payload.tenant, this.tenant.number]);
      }
    }
    const tenants = new Map<string, ContextId>();
    ContextIdFactory.apply({
      attach(contextId: ContextId, request: MessageContext): ContextIdResolver {
        const tenant = request.event?.tenant ?? 'none';
        const shared = tenants.get(tenant) ?? ContextIdFactory.create();
        tenants.set(tenant, shared);
        return {
          resolve: (info: HostComponentInfo) => (info.isTreeDurable ? shared : contextId),
          payload: { tenant },
        };
      },
    });
    try {
      await start([PerTenant, Durable]);
      for (const tenant of ['a', 'b', 'a']) await handle('durable', null, { tenant });
      expect(log).toEqual([
        ['a', 1],
        ['b', 2],
        ['a', 1],
      ]);
    } finally {
      ContextIdFactory.apply(undefined as never);
    }
  });
});

describe('what follows from a message', () => {
  @Injectable()
  class Chain {
    constructor(private readonly out: Bus) {}
    @Consume('first')
    async first(_data: unknown, { id }: MessageContext): Promise<void> {
      await Promise.resolve();
      await this.out.publish('second', { from: id });
    }
    @Consume('second')
    second(@Event() { correlation_id, causation_id, tenant }: DomainEvent): void {
      note([correlation_id, causation_id, tenant]);
    }
  }

  it('has its correlation, its cause and its tenant', async () => {
    await start([Chain]);
    await handle('first', null, { id: 'm1', correlationId: 'c1', tenant: 't1' });
    await clock.runUntil(() => log.length > 0, 1_000);
    expect(log).toEqual([['c1', 'm1', 't1']]);
  });
});

describe('a module', () => {
  @Injectable()
  class InFeature {
    @Consume('featured')
    handle(): void {
      note('featured');
    }
  }
  @Global()
  @Module({ imports: [QueueModule.forFeature({ group: 'feature' })], providers: [InFeature] })
  class FeatureModule {}

  it('can have defaults of its own', async () => {
    await start([], [FeatureModule]);
    await handle('featured', null);
    expect((await bus.depth()).map(({ subscription }) => subscription)).toEqual(['feature.featured']);
  });
});
