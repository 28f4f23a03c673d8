import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Inject,
  Injectable,
  type DynamicModule,
  type OnApplicationBootstrap,
  type Provider,
  type Type,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  explainApplication,
  fixed,
  Idempotent,
  planTable,
  QueueExplainer,
  QueueModule,
  QueueRegistry,
  Retry,
  type Backend,
  type BackendConfig,
  type BackendFactory,
  type Capabilities,
  type ConsumeOptions,
  type HandlerPlan,
  type QueueModuleOptions,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { sqliteBackend } from '@pigeonpost/queue/sqlite';
import { testAmbient, VirtualClock, weakened } from '@pigeonpost/queue/testing';
import { WorkerEnvironment } from '../../apps/demo-worker/src/worker.environment.js';
import { WorkerModule } from '../../apps/demo-worker/src/worker.module.js';

let clock: VirtualClock;
let app: TestingModule | undefined;
let handled: unknown[];

beforeEach(() => {
  clock = new VirtualClock();
  app = undefined;
  handled = [];
});

afterEach(async () => {
  await app?.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers were left behind`);
});

const weak = (less: Partial<Capabilities>, name = 'main'): BackendConfig => ({
  name,
  driver: weakened(memoryBackend, less),
});

async function start(backends: readonly BackendConfig[], ...providers: Type[]): Promise<TestingModule> {
  const queue = QueueModule.forRoot({
    source: 'urn:test',
    group: 'g',
    backends,
    ambient: testAmbient(clock),
  });
  const silent = { log() {}, warn() {}, error() {} };
  app = await Test.createTestingModule({ imports: [queue], providers })
    .setLogger(silent)
    .compile();
  return app.init();
}

function orders(options: ConsumeOptions = {}): Type {
  @Injectable()
  class Orders {
    @Consume('order.placed', options)
    @Retry({ attempts: 3, backoff: fixed('90s') })
    onOrder(data: unknown): void {
      handled.push(data);
    }
  }
  return Orders;
}

describe('an application whose backend cannot do what a handler asks', () => {
  @Injectable()
  class Stock {
    @Consume('order.placed', { subscription: 'stock', backend: 'second' })
    @Idempotent()
    onOrder(): void {}
  }

  it('does not start, and says who asks for what, why not, and what to do instead', async () => {
    const started = start([weak({ attempts: 'counted' })], orders());
    await expect(started).rejects.toMatchObject({ code: 'plan_refused' });
    await expect(started).rejects.toThrow(
      'Orders.onOrder asks for crashes (3 crashes, counted), but backend "main" forgets the attempts that ended in ' +
        'a crash: use a backend that counts a delivery before it hands it out, ' +
        "or say accept: ['uncounted-crashes'] in @Consume",
    );
  });

  it('tells all refusals of all handlers at once', async () => {
    const short = { kind: 'exact', maxMs: 60_000, resolutionMs: 1 } as const;
    const first = { ...weak({ delay: { publish: false, retry: short } }), primary: true };
    const second = weak({ lease: { extend: false, maxMs: 30_000 }, dead: 'none' }, 'second');
    const started = start([first, second], orders(), Stock);
    await expect(started).rejects.toMatchObject({
      refusals: [
        expect.stringMatching(
          /^Orders\.onOrder asks for retry .*"main" delays a retry by 1m at most: cap the/,
        ),
        expect.stringMatching(/^Stock\.onOrder asks for dead letters .*"second" has no place/),
        expect.stringMatching(/^Stock\.onOrder asks for lease .*"second" cannot renew a lease/),
      ],
    });
  });

  it('has created nothing, started nothing, and keeps the plan to be looked at', async () => {
    const made: string[] = [];
    const factory = weakened(memoryBackend, { dead: 'none' });
    const driver = {
      ...factory,
      open: async (...args: Parameters<typeof factory.open>) => {
        const opened = await factory.open(...args);
        const { backend } = opened;
        backend.ensure = () => Promise.resolve(made.push('topology')).then(() => []);
        backend.open = () => Promise.reject(new RangeError(`opened ${made.push('receiver')}`));
        return opened;
      },
    };
    await expect(start([{ name: 'main', driver }], orders())).rejects.toThrow(
      'no place for what is given up',
    );
    expect(made).toEqual([]);
    expect(app?.get(QueueRegistry).list()).toEqual([]);
    expect(answers(app?.get(QueueExplainer).plan())).toMatchObject({ 'dead letters': 'refused' });
  });

  it('starts when the handler accepts what is left, and the plan shows it', async () => {
    const accept = ['uncounted-crashes', 'counted-release'] as const;
    const module = await start([weak({ attempts: 'counted', uncountedRelease: false })], orders({ accept }));
    await module.get(Bus).publish('order.placed', 'o-1', { wait: 'handled' });
    expect(handled).toEqual(['o-1']);
    const explainer = module.get(QueueExplainer);
    expect(answers(explainer.plan())).toMatchObject({
      crashes: 'accepted',
      release: 'accepted',
      delivery: 'native',
    });
    expect(explainer.table()).toMatch(
      / {2}crashes +3 crashes, counted +accepted uncounted-crashes +a message that ends its process comes again/,
    );
  });

  it('does not start by the acceptance of something else, or of nothing known', async () => {
    const one = orders({ accept: ['counted-release'] });
    await expect(start([weak({ attempts: 'counted' })], one)).rejects.toThrow(
      "accept: ['uncounted-crashes']",
    );
    const other = orders({ accept: ['anything' as never] });
    await expect(start([weak({})], other)).rejects.toThrow(
      'Orders.onOrder: accept: there is no "anything", choose from loss-with-process, ',
    );
  });
});

describe('a handler that says how far its messages must reach', () => {
  it('does not start where they stay in the process, nor does a backend whose options say so', async () => {
    await expect(start([weak({})], orders({ locality: 'host' }))).rejects.toThrow(
      'Orders.onOrder asks for locality (messages reach the processes of this host), but backend "main" shares its ' +
        "messages within one process: use a backend that reaches further, or ask for locality: 'process'",
    );
    const backends = [{ ...weak({ hosts: 'many' }), locality: 'many-hosts' }] as const;
    await expect(start(backends)).rejects.toThrow(
      'the options ask for locality (many-hosts), but backend "main" loses its messages with its process',
    );
    await expect(start(backends, orders())).rejects.toMatchObject({ refusals: { length: 2 } });
  });

  it('is refused on sqlite beyond its host, and starts there when it accepts that, which its plan shows', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plan-'));
    const backends = [{ name: 'events', driver: 'sqlite', file: join(folder, 'events.db') }] as const;
    try {
      await expect(start(backends, orders({ locality: 'many-hosts' }))).rejects.toThrow(
        'Orders.onOrder asks for locality (messages reach many hosts), but backend "events" shares its messages within one ' +
          "host: use a backend that reaches further, or ask for locality: 'host', or say accept: ['out-of-reach'] in @Consume",
      );
      const module = await start(backends, orders({ locality: 'many-hosts', accept: ['out-of-reach'] }));
      expect(answers(module.get(QueueExplainer).plan())).toMatchObject({ locality: 'accepted' });
      expect(module.get(QueueExplainer).table()).toMatch(
        / {2}locality +messages reach many hosts +accepted out-of-reach +what is published in one place reaches no handler/,
      );
      await module.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('starts where they reach as far', async () => {
    const far = weak({ hosts: 'many', durable: 'replicated' });
    const module = await start([{ ...far, locality: 'host' }], orders());
    expect(answers(module.get(QueueExplainer).plan())).toMatchObject({ locality: 'native' });
  });
});

describe('an option that does not exist', () => {
  it('stops the start, on every decorator', async () => {
    const misspelt = { subcription: 'stock' } as ConsumeOptions;
    await expect(start([weak({})], orders(misspelt))).rejects.toThrow(
      'Orders.onOrder: @Consume has no option "subcription", only backend, subscription, ',
    );
    @Injectable()
    class Impatient {
      @Consume('order.placed')
      @Retry({ attempt: 3 } as object)
      onOrder(): void {}
    }
    await expect(start([weak({})], Impatient)).rejects.toThrow(
      'Impatient.onOrder: @Retry has no option "attempt", only attempts, ',
    );
  });
});

describe('the explainer', () => {
  it('knows every handler, and says nothing before the start', async () => {
    const early: unknown[] = [];
    @Injectable()
    class Curious implements OnApplicationBootstrap {
      constructor(@Inject(QueueExplainer) private readonly explainer: QueueExplainer) {
        try {
          explainer.plan();
        } catch (error) {
          early.push(error);
        }
      }
      onApplicationBootstrap(): void {
        handled.push(...this.explainer.plan().map(({ handler }) => handler));
      }
    }
    const module = await start([weak({ confirm: 'stored' })], Curious, orders());
    expect(early).toMatchObject([{ code: 'not_planned' }]);
    expect(handled).toEqual(['Orders.onOrder']);
    expect(module.get(QueueExplainer).plan()).toMatchObject([
      { subscription: 'g.order.placed', topics: ['order.placed'], backend: 'main' },
    ]);
  });

  it('aligns its table', async () => {
    const module = await start([weak({ confirm: 'stored' })], orders());
    const [title, head = '', ...rows] = module.get(QueueExplainer).table().split('\n');
    expect(title).toBe('Orders.onOrder handles "g.order.placed" (order.placed) from main');
    const column = head.indexOf('answer');
    expect(column).toBeGreaterThan(0);
    for (const row of rows) expect(row.slice(column)).toMatch(/^(native|composed)/);
    expect(rows[0]).toMatch(
      /^ {2}publish +a published message is stored +native +a message for a topic that no/,
    );
  });
});

describe('an application that is explained without being started', () => {
  const root = (options: Partial<QueueModuleOptions>, ...providers: Provider[]): DynamicModule => ({
    module: class {},
    imports: [
      QueueModule.forRoot({
        source: 'urn:test',
        group: 'g',
        backends: [{ name: 'main', driver: 'memory' }],
        ...options,
      }),
    ],
    providers,
  });

  it('opens nothing and makes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'));
    const file = join(folder, 'queue.db');
    @Injectable()
    class Never implements OnApplicationBootstrap {
      constructor() {
        handled.push('made');
      }
      onApplicationBootstrap(): void {
        handled.push('started');
      }
    }
    const made = { provide: 'made', useFactory: () => handled.push('made by a factory') };
    const backends = [{ name: 'main', driver: 'sqlite', file } as const];
    const plans = await explainApplication(root({ backends }, orders(), Never, made));
    expect(plans).toMatchObject([
      { handler: 'Orders.onOrder', subscription: 'g.order.placed', backend: 'main' },
    ]);
    expect([handled, readdirSync(folder)]).toEqual([[], []]);
    rmdirSync(folder);
  });

  it('has the same plan as when it is started', async () => {
    const module = await start([{ name: 'main', driver: 'memory' }], orders());
    expect(await explainApplication(root({}, orders()))).toEqual(module.get(QueueExplainer).plan());
  });

  it.each<[string, (folder: string) => Promise<[Capabilities, Capabilities, Backend]>]>([
    ['memory', () => foreseenAndOpened(memoryBackend, { maxBytes: 9_999 })],
    ['sqlite', (folder) => foreseenAndOpened(sqliteBackend, { file: join(folder, 'q.db'), maxBytes: 9_999 })],
  ])('foresees what the opened backend can do: %s', async (_name, both) => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'));
    const [before, opened, backend] = await both(folder);
    expect(before).toEqual(opened);
    expect(before.maxBytes).toBe(9_999);
    await backend.close(new Date(0));
    rmSync(folder, { recursive: true });
  });

  it('shows what would be refused', async () => {
    const foresee = () => ({ capabilities: { ...foreseen(), dead: 'none' } as const, remembers: false });
    const backends = [{ name: 'main', driver: { ...memoryBackend, foresee } }];
    const plans = await explainApplication(root({ backends }, orders()));
    expect(answers(plans)).toMatchObject({ 'dead letters': 'refused' });
    expect(planTable(plans)).toContain('refused  has no place for what is given up: use a backend');
  });

  it('says so when it is not known before the start', async () => {
    const backends = [weak({})];
    await expect(explainApplication(root({ backends }, orders()))).rejects.toThrow(
      'backend "main" knows what it can do only when it is open',
    );
    const later = QueueModule.forRootAsync({
      backends: ['main'],
      useFactory: () => ({ source: 'urn:test', backends }),
    });
    await expect(explainApplication({ module: class {}, imports: [later] })).rejects.toMatchObject({
      code: 'not_planned',
    });
  });

  it('is the worker of the demo, of which nothing is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'explain-'));
    const environment = Object.assign(new WorkerEnvironment(), {
      DEMO_QUEUE: join(folder, 'queue.db'),
      DEMO_ACTIVITY_FILE: join(folder, 'activity.db'),
      DEMO_DOWNSTREAM_URL: 'http://localhost',
    });
    const plans = await explainApplication(WorkerModule.with(environment));
    expect(plans.map(({ handler }) => handler)).toEqual([
      'ActivityHandlers.onDelivery',
      'NotifierHandlers.onDelivery',
    ]);
    expect(Object.values(answers(plans))).not.toContain('refused');
    expect(readdirSync(folder)).toEqual([]);
    rmdirSync(folder);
  });
});

async function foreseenAndOpened<Options extends object>(
  factory: BackendFactory<Options>,
  options: Options,
): Promise<[Capabilities, Capabilities, Backend]> {
  const { backend } = await factory.open('main', options, testAmbient(clock));
  return [factory.foresee!(options).capabilities, backend.capabilities, backend];
}

function foreseen(): Capabilities {
  return memoryBackend.foresee!({}).capabilities;
}

function answers(plans: readonly HandlerPlan[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    plans.flatMap(({ entries }) => entries.map(({ need, answer }) => [need, answer])),
  );
}
