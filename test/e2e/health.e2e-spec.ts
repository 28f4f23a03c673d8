import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendFactory,
  type BackendStateChange,
  type BackendStatus,
  Bus,
  Consume,
  fixed,
  getBusToken,
  type HealthReport,
  QueueHealth,
  QueueModule,
  type QueueModuleOptions,
  QueueRegistry,
  Retry,
  type SubscriptionHealth,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';

const clock = new VirtualClock();
let broker: { status: Partial<BackendStatus>; changed: () => void; opened: number; counted: number };
let lines: string[];

/** Memory that can say that it is not well. */
const moody: BackendFactory = {
  ...memoryBackend,
  async open(name, options, ambient) {
    broker.opened++;
    const opened = await memoryBackend.open(name, options, ambient);
    const status = opened.backend.status.bind(opened.backend);
    const inspect = opened.backend.inspect.bind(opened.backend);
    opened.backend.status = () => ({ ...status(), ...broker.status });
    opened.backend.onStatus = (listener) => (broker.changed = () => listener(opened.backend.status()));
    opened.backend.inspect = (query) => (broker.counted++, inspect(query));
    return opened;
  },
};

@Injectable()
class Handlers {
  held: (() => void) | undefined;

  @Consume('orders', { subscription: 'orders', concurrency: 1 })
  async onOrder(): Promise<void> {
    await new Promise<void>((resolve) => (this.held = resolve));
  }

  @Consume('stock', { subscription: 'stock', circuit: { failures: 1, open: '1m' } })
  @Retry({ attempts: 2, backoff: fixed('1s') })
  onStock(): void {
    throw new TypeError('no such shelf');
  }
}

let app: INestApplicationContext;

beforeEach(async () => {
  broker = { status: {}, changed: () => undefined, opened: 0, counted: 0 };
  lines = [];
  const backends = [
    { name: 'main', driver: moody, primary: true },
    { name: 'other', driver: 'memory' },
  ] as const;
  const queue = QueueModule.forRoot({ source: 'urn:test', ambient: testAmbient(clock), backends });
  const module = await Test.createTestingModule({ imports: [queue], providers: [Handlers, Probes] })
    .setLogger({
      log: (line: string) => lines.push(line),
      warn() {},
      error: (line: string) => lines.push(line),
    })
    .compile();
  app = await module.init();
});

afterEach(async () => {
  app.get(Handlers).held?.();
  await app.close();
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers are left`);
});

async function health(subscription: string): Promise<SubscriptionHealth> {
  const report = await app.get(QueueHealth).read();
  const found = report.backends[0]?.subscriptions.find((each) => each.subscription === subscription);
  return found as SubscriptionHealth;
}

// #region probes
/** For whatever asks whether this process does its work. */
@Injectable()
class Probes {
  constructor(
    private readonly queue: QueueHealth,
    private readonly bus: Bus,
  ) {}

  /** Everything, for people and for metrics. */
  report(): Promise<HealthReport> {
    return this.queue.read();
  }

  /** For an alert, or for a switch in the application. */
  watch(alarm: (change: BackendStateChange) => void): () => void {
    return this.queue.onBackendState(alarm);
  }

  /** What this process needs to take requests: that it can publish. */
  async isReady(): Promise<boolean> {
    return (await this.bus.health()).connection.state !== 'down';
  }
}
// #endregion

describe('the health of an application', () => {
  it('tells of every backend and subscription, as plain data', async () => {
    expect(await app.get(Probes).isReady()).toBe(true);
    const report = await app.get(Probes).report();
    expect(report).toMatchObject({
      state: 'up',
      backends: [
        { name: 'main', state: 'up', connection: { state: 'up', lastError: undefined } },
        { name: 'other', state: 'up', subscriptions: [] },
      ],
    });
    expect(
      report.backends[0]?.subscriptions.map(({ subscription, handler }) => [subscription, handler]),
    ).toEqual(
      expect.arrayContaining([
        ['orders', 'Handlers.onOrder'],
        ['stock', 'Handlers.onStock'],
      ]),
    );
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('tells what runs here, what lies on the broker, and when the last message came', async () => {
    const bus = app.get(Bus);
    expect(await health('orders')).toMatchObject({ lastReceivedAt: undefined, depth: { ready: 0 } });
    await bus.publish('orders', 1);
    await bus.publish('orders', 2);
    await bus.publish('orders', 3, { delay: '1h' });
    await clock.advance(3_000);
    expect(await health('orders')).toMatchObject({
      state: 'up',
      consumer: 'running',
      running: 1,
      lastReceivedAt: clock.now() - 3_000,
      depth: { delayed: 1, inflight: 1, ready: 1, dead: 0, oldestReadyMs: 3_000, countedAt: clock.now() },
      counts: { ack: 0 },
    });
    app.get(Handlers).held?.();
    await clock.advance(2_000);
    expect(await health('orders')).toMatchObject({ counts: { ack: 1 }, running: 1, depth: { inflight: 1 } });
  });

  it('is degraded by an open circuit, and says so', async () => {
    await app.get(Bus).publish('stock', 1);
    await clock.advance(10);
    expect(await health('stock')).toMatchObject({
      state: 'degraded',
      circuit: 'open',
      problem: 'its circuit is open: attempt after attempt has failed',
      counts: { retry: 1 },
    });
    expect(await app.get(Bus).health()).toMatchObject({ name: 'main', state: 'degraded' });
    expect(await app.get(getBusToken('other')).health()).toMatchObject({ name: 'other', state: 'up' });
    expect((await app.get(QueueHealth).read()).state).toBe('degraded');
  });

  it('is up although a subscription is paused, and says that it is', async () => {
    app.get(QueueRegistry).pause('orders');
    expect(await health('orders')).toMatchObject({ state: 'up', consumer: 'paused' });
  });

  it('tells of a backend that is down from memory, and asks it nothing', async () => {
    const before = (await health('orders')).depth;
    await clock.advance(60_000);
    broker.status = { state: 'down', since: 1, lastError: 'connection reset' };
    broker.counted = 0;
    expect(await app.get(Probes).isReady()).toBe(false);
    const { state, connection, subscriptions } = await app.get(Bus).health();
    expect([state, connection]).toEqual(['down', expect.objectContaining(broker.status)]);
    expect(subscriptions.find(({ subscription }) => subscription === 'orders')?.depth).toEqual(before);
    expect(broker).toMatchObject({ counted: 0, opened: 1 });
  });

  it('tells who listens, and the log, when a connection is lost and when it is back', async () => {
    const changes: BackendStateChange[] = [];
    const end = app.get(Probes).watch((change) => changes.push(change));
    lines = [];
    broker.status = { state: 'down', since: clock.now(), lastError: 'connection reset' };
    broker.changed();
    await clock.advance(5_000);
    broker.status = { lastError: 'connection reset' };
    broker.changed();
    expect(changes).toMatchObject([
      { backend: 'main', from: 'up', to: 'down', lastError: 'connection reset' },
      { backend: 'main', from: 'down', to: 'up' },
    ]);
    expect(lines).toEqual([
      'backend "main" is down, and is tried until it is back: connection reset',
      'backend "main" is up again after 5000 ms',
    ]);
    expect(await app.get(Bus).health()).toMatchObject({ reconnects: 1 });
    end();
    broker.status = { state: 'down' };
    broker.changed();
    expect(changes).toHaveLength(2);
  });

  it('loads the broker no more than once in two seconds, however often it is asked', async () => {
    const report = app.get(QueueHealth);
    for (let asked = 0; asked < 20; asked++) await report.read();
    await Promise.all(Array.from({ length: 20 }, () => report.read()));
    expect(broker.counted).toBe(2); // one for each subscription
  });
});

describe('a consumer whose client wedges', () => {
  /** Memory as if it were a broker elsewhere; what is opened first, `wedged` times, never brings anything. */
  const wedging = (wedged: number): BackendFactory => ({
    ...memoryBackend,
    async open(name, options, ambient) {
      const opened = await memoryBackend.open(name, options, ambient);
      const open = opened.backend.open.bind(opened.backend);
      let left = wedged;
      opened.backend.open = async (spec) => {
        const receiver = await open(spec);
        if (left-- > 0) receiver.receive = () => new Promise(() => undefined);
        return receiver;
      };
      Object.defineProperty(opened.backend, 'capabilities', {
        value: { ...opened.backend.capabilities, hosts: 'many', durable: 'disk' },
      });
      return opened;
    },
  });

  class Seen {
    readonly seen: unknown[] = [];
    @Consume('seen', { subscription: 'seen' })
    see(data: unknown): void {
      this.seen.push(data);
    }
  }

  async function start(wedged: number, watchdog?: QueueModuleOptions['watchdog']) {
    const backends = [{ name: 'main', driver: wedging(wedged) }];
    const more = watchdog === undefined ? {} : { watchdog };
    const queue = QueueModule.forRoot({ source: 'urn:test', ambient: testAmbient(clock), backends, ...more });
    const errors: string[] = [];
    const logger = { log() {}, warn() {}, error: (text: string) => errors.push(text) };
    const module = await Test.createTestingModule({ imports: [queue], providers: [Seen] })
      .setLogger(logger)
      .compile();
    const started = await module.init();
    await started.get(Bus).publish('seen', 1);
    return { started, errors, read: () => started.get(Bus).health() };
  }

  it('gets a new receiver within 30 s, and says so once', async () => {
    const { started, errors, read } = await start(1);
    await clock.runUntil(() => started.get(Seen).seen.length === 1, 30_000);
    expect(errors).toEqual([
      'subscription "seen" could not receive messages: nothing came for 22500 ms although messages are ready: its receiver is opened anew',
    ]);
    expect(await read()).toMatchObject({ state: 'up', subscriptions: [{ rebuilds: 1, problem: undefined }] });
    await started.close();
  });

  it('is down while no receiver works', async () => {
    const { started, read } = await start(Infinity, '8s');
    await clock.advance(9_000);
    expect(await read()).toMatchObject({
      state: 'down',
      connection: { state: 'up' },
      subscriptions: [
        {
          state: 'down',
          problem: expect.stringMatching(/^nothing has come for \d+ ms although messages are ready/),
        },
      ],
    });
    const closed = started.close();
    await clock.advance(30_000);
    await closed;
  });

  it('is left alone where nobody wants a watchdog', async () => {
    const { started, read } = await start(Infinity, false);
    await clock.advance(600_000);
    expect(await read()).toMatchObject({
      state: 'up',
      subscriptions: [{ rebuilds: 0, depth: { ready: 1 } }],
    });
    const closed = started.close();
    await clock.advance(30_000);
    await closed;
  });

  it('cannot be watched more closely than the counts change', () => {
    const backends = [{ name: 'main', driver: 'memory' }] as const;
    const queue = QueueModule.forRoot({ source: 'urn:test', backends, watchdog: '1s' });
    return expect(Test.createTestingModule({ imports: [queue] }).compile()).rejects.toThrow(
      "watchdog must be false, or 4 s or more, such as '30s'",
    );
  });
});

describe('the health of an application that has not started', () => {
  it('is down, and asking for it connects to nothing', async () => {
    broker.opened = 0;
    const queue = QueueModule.forRoot({ source: 'urn:test', backends: [{ name: 'main', driver: moody }] });
    const module = await Test.createTestingModule({ imports: [queue] }).compile();
    expect(await module.get(QueueHealth).read()).toMatchObject({ state: 'down' });
    expect(broker.opened).toBe(0);
    await module.close();
  });
});
