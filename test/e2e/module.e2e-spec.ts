import {
  Body,
  Controller,
  Inject,
  Injectable,
  Module,
  Post,
  Scope,
  type DynamicModule,
  type INestApplication,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import {
  Bus,
  Consume,
  getBusToken,
  Idempotent,
  InjectBus,
  InjectStore,
  Payload,
  QueueModule,
  QueueRegistry,
  Reject,
  type BackendFactory,
  type QueueModuleOptions,
  type QueueOptionsFactory,
  type Store,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';
import { IsString } from 'class-validator';
import request from 'supertest';

let clock: VirtualClock;
let log: unknown[];
let opened: string[];
let app: TestingModule | INestApplication | undefined;

const noted: BackendFactory = {
  ...memoryBackend,
  open(name, options, ambient) {
    opened.push(name);
    return memoryBackend.open(name, options, ambient);
  },
};
/** As a broker without a memory. */
const forgetful: BackendFactory = {
  ...memoryBackend,
  open: async (...args) => ({ backend: (await memoryBackend.open(...args)).backend }),
};

const options = (more: Partial<QueueModuleOptions> = {}): QueueModuleOptions => ({
  source: 'urn:test',
  group: 'g',
  backends: [{ name: 'main', driver: noted }],
  ambient: testAmbient(clock),
  ...more,
});

const TWO: Partial<QueueModuleOptions> = {
  backends: [
    { name: 'main', driver: noted, primary: true },
    { name: 'audit', driver: noted },
  ],
};

function builder(
  imports: readonly (Type | DynamicModule)[],
  providers: readonly Provider[] = [],
): TestingModuleBuilder {
  return Test.createTestingModule({ imports: [...imports], providers: [...providers] }).setLogger({
    log() {},
    warn() {},
    error() {},
  });
}

async function start(
  imports: readonly (Type | DynamicModule)[],
  providers: readonly Provider[] = [],
): Promise<TestingModule> {
  const module = await builder(imports, providers).compile();
  app = module;
  await module.init();
  return module;
}

beforeEach(() => {
  clock = new VirtualClock();
  log = [];
  opened = [];
  app = undefined;
});

afterEach(async () => {
  await app?.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers were left behind`);
});

describe('several backends', () => {
  @Injectable()
  class Publisher {
    constructor(
      readonly main: Bus,
      @InjectBus('audit') readonly audit: Bus,
      @InjectStore('audit') readonly store: Store,
    ) {}
  }
  @Injectable()
  class Handlers {
    @Consume('topic', { subscription: 'same' })
    onMain(): void {
      log.push('main');
    }
    @Consume('topic', { subscription: 'same', backend: 'audit' })
    onAudit(): void {
      log.push('audit');
    }
  }

  it('keep their messages apart, each with its bus and its store', async () => {
    const module = await start([QueueModule.forRoot(options(TWO))], [Publisher, Handlers]);
    const { main, audit, store } = module.get(Publisher);
    expect([main.name, audit.name]).toEqual(['main', 'audit']);
    await audit.publish('topic', null, { wait: 'handled' });
    expect(log).toEqual(['audit']);
    await main.publish('topic', null, { wait: 'handled' });
    expect(log).toEqual(['audit', 'main']);
    await store.write([{ op: 'put', key: 'k', value: 'v' }]);
    expect(await store.read(['k', 'none'])).toMatchObject([{ value: 'v' }, undefined]);
    expect(await store.scan('k', { limit: 1 })).toHaveLength(1);
  });

  it('can be given to the handlers of one module', async () => {
    @Injectable()
    class InModule {
      @Consume('featured')
      handle(): void {
        log.push('featured');
      }
    }
    @Module({ imports: [QueueModule.forFeature({ backend: 'audit' })], providers: [InModule] })
    class FeatureModule {}
    const module = await start([QueueModule.forRoot(options(TWO)), FeatureModule]);
    await module.get<Bus>(getBusToken('audit')).publish('featured', null, { wait: 'handled' });
    expect(log).toEqual(['featured']);
  });

  it('say that they cannot remember', async () => {
    @Injectable()
    class Once {
      @Consume('once')
      @Idempotent()
      handle(): void {}
    }
    const queue = QueueModule.forRoot(options({ backends: [{ name: 'main', driver: forgetful }] }));
    await expect(start([queue], [Once])).rejects.toThrow(
      'Once.handle asks for idempotency (handled once within 3d), but backend "main" has no store',
    );
  });
});

describe('options that come later', () => {
  const SETTINGS = Symbol('settings');
  @Module({ providers: [{ provide: SETTINGS, useValue: { source: 'urn:later' } }], exports: [SETTINGS] })
  class SettingsModule {}
  @Injectable()
  class Factory implements QueueOptionsFactory {
    createQueueOptions(): Promise<QueueModuleOptions> {
      return Promise.resolve(options());
    }
  }
  @Module({ providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  const backends = ['main'];

  it.each([
    [
      'a function',
      () => ({
        imports: [SettingsModule],
        inject: [SETTINGS],
        useFactory: async (settings: { readonly source: string }) => ({ ...options(), ...settings }),
      }),
    ],
    ['a class', () => ({ useClass: Factory })],
    ['what another module provides', () => ({ imports: [FactoryModule], useExisting: Factory })],
  ])('come from %s', async (_what, source) => {
    const module = await start([QueueModule.forRootAsync({ backends, ...source() } as never)]);
    expect(module.get(Bus)).toBe(module.get(getBusToken('main')));
    expect(opened).toEqual(['main']);
  });

  it('must list the backends that were named', async () => {
    const queue = QueueModule.forRootAsync({ backends: ['other'], useFactory: () => options() });
    await expect(start([queue])).rejects.toThrow('was told of the backends other, but its options list main');
    expect(() => QueueModule.forRootAsync({ backends })).toThrow('useFactory, useClass and useExisting');
  });
});

describe('a mistake stops the start, before anything is opened', () => {
  const handlers = (...entries: MethodDecorator[]): Type => {
    class Wrong {
      handle(): void {}
    }
    for (const decorate of entries)
      decorate(
        Wrong.prototype,
        'handle',
        Object.getOwnPropertyDescriptor(Wrong.prototype, 'handle') as never,
      );
    return Wrong;
  };
  class NoRules {}
  class Twice {
    @Consume('t')
    first(): void {}
    @Consume('t')
    second(): void {}
  }

  it.each([
    ['two claims', Twice, {}, 'subscription "g.t" is claimed by Twice.first and by Twice.second'],
    [
      'several topics without a name',
      handlers(Consume(['a', 'b'])),
      {},
      'Wrong.handle: a handler of several topics needs a `subscription` name',
    ],
    [
      'a pattern without a name',
      handlers(Consume('order.*')),
      {},
      'Wrong.handle: a handler of a pattern of topics needs a `subscription` name',
    ],
    ['no topic', handlers(Consume([])), {}, 'Wrong.handle: @Consume needs a topic'],
    [
      'no group',
      handlers(Consume('t')),
      { group: undefined },
      'Wrong.handle: give @Consume a `subscription`',
    ],
    [
      'a backend that is not there',
      handlers(Consume('t', { backend: 'x' })),
      {},
      'Wrong.handle: there is no backend "x"',
    ],
    [
      'a bad pattern',
      handlers(Consume('order.#.late', { subscription: 's' })),
      {},
      'Wrong.handle: topic "order.#.late" is not allowed: in a pattern',
    ],
    ['a bad topic', handlers(Consume('a b')), {}, 'Wrong.handle: topic "a b" is not allowed'],
    ['a bad policy', handlers(Consume('t', { concurrency: 0 })), {}, 'Wrong.handle: concurrency is 0'],
    [
      'a bad duration',
      handlers(Consume('t', { timeout: '1 hour' as never })),
      {},
      'Wrong.handle: timeout is "1 hour"',
    ],
    [
      'a class without rules',
      handlers(Consume('t', { payload: NoRules })),
      {},
      'Wrong.handle: `payload` must be a class with class-validator rules',
    ],
    [
      'a payload of bytes',
      handlers(Consume('t', { payload: NoRules, raw: true })),
      {},
      'Wrong.handle: a raw handler gets bytes',
    ],
  ])('%s', async (_what, provider, more, message) => {
    await expect(start([QueueModule.forRoot(options(more as never))], [provider])).rejects.toThrow(message);
    expect(opened).toEqual([]);
  });

  it('a class that two modules provide', async () => {
    class Shared {
      @Consume('t')
      handle(): void {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @Consume('scoped')
      handle(): void {}
    }
    const aliases = [Shared, Scoped].map((useExisting) => ({
      provide: `alias of ${useExisting.name}`,
      useExisting,
    }));
    @Module({ providers: [Shared, Scoped, ...aliases] })
    class One {}
    await expect(start([QueueModule.forRoot(options()), One], [Shared])).rejects.toThrow(
      'claimed by Shared.handle and by Shared.handle',
    );
    const module = await start([QueueModule.forRoot(options()), One]);
    expect(module.get(QueueRegistry).list()).toHaveLength(2);
  });

  it('a second forRoot', async () => {
    const twice = [QueueModule.forRoot(options()), QueueModule.forRoot(options())];
    await expect(start(twice)).rejects.toThrow('QueueModule is configured 2 times');
  });

  it('wrong options', async () => {
    await expect(start([QueueModule.forRoot({ source: 'x y' } as never)])).rejects.toThrow(
      'QueueModule options: source',
    );
    await expect(start([QueueModule.forRoot(undefined as never)])).rejects.toThrow('an object is needed');
  });
});

describe('a test of an application', () => {
  @Injectable()
  class Service {
    constructor(readonly bus: Bus) {}
  }

  it('replaces a bus, and never opens a backend without init', async () => {
    const fake = { publish: () => Promise.resolve({ id: 'x', copies: 0 }) };
    const module = await builder([QueueModule.forRoot(options())], [Service])
      .overrideProvider(Bus)
      .useValue(fake)
      .compile();
    expect(module.get(Service).bus).toBe(fake);
    await module.close();
    expect(opened).toEqual([]);
  });

  it('replaces the whole module', async () => {
    const queue = QueueModule.forRoot(options());
    @Module({ providers: [{ provide: Bus, useValue: {} }], exports: [Bus] })
    class FakeModule {}
    const module = await builder([queue, FakeModule], [Service])
      .overrideModule(queue as never)
      .useModule(FakeModule)
      .compile();
    await module.init();
    await module.close();
    expect(opened).toEqual([]);
  });

  it('publishes before init, which opens the backend then', async () => {
    const module = await builder([QueueModule.forRoot(options())]).compile();
    app = module;
    await expect(module.get(Bus).publish('t', null)).rejects.toMatchObject({ code: 'unroutable' });
    expect(opened).toEqual(['main']);
  });
});

describe('an HTTP application', () => {
  class OrderDto {
    @IsString()
    id!: string;
  }
  @Injectable()
  class HttpOnlyGuard {
    canActivate(context: { getType(): string }): boolean {
      if (context.getType() !== 'http') throw new TypeError('a guard of HTTP met a message');
      return true;
    }
  }
  @Controller()
  class Orders {
    constructor(@Inject(Bus) private readonly bus: Bus) {}

    @Post('orders')
    async create(@Body() body: unknown): Promise<{ readonly id: string }> {
      return this.bus.publish('orders', body, { wait: 'handled' });
    }

    @Consume('orders')
    onOrder(@Payload() order: OrderDto): void {
      if (order.id === 'bad') throw new Reject('a bad order');
      log.push(order);
    }
  }

  it('publishes from a controller, whose handler handles it in the same process', async () => {
    const module = await builder(
      [{ module: class {}, imports: [QueueModule.forRoot(options())], controllers: [Orders] }],
      [{ provide: APP_GUARD, useClass: HttpOnlyGuard }],
    ).compile();
    const http = module.createNestApplication();
    app = http;
    await http.init();
    const post = (body: object) =>
      request(http.getHttpServer() as never)
        .post('/orders')
        .send(body);
    const { body } = await post({ id: 'o1' }).expect(201);
    expect(body).toMatchObject({ copies: 1 });
    expect(log).toEqual([{ id: 'o1' }]);
    expect(log[0]).toBeInstanceOf(OrderDto);
    await post({ id: 'bad' }).expect(500);
    await post({ id: 7 }).expect(500);
    const letters = await http.get(Bus).deadLetters('g.orders').browse();
    expect(letters.map(({ failures }) => failures[0]?.reason)).toEqual(['rejected', 'invalid_payload']);
  });
});
