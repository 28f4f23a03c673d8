import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendFactory,
  type BackendStateChange,
  BackendUnavailableError,
  Bus,
  Consume,
  getBusToken,
  MissingDriverError,
  type OpenedBackend,
  QueueExplainer,
  QueueHealth,
  QueueModule,
  type QueueModuleOptions,
  QueueRegistry,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';

let clock: VirtualClock;
let lines: string[];
let broker: Broker;

/** A broker that can be away: memory that outlives its connections. */
class Broker {
  opens = 0;
  down: Error | 'hangs' | undefined;
  #memory: OpenedBackend | undefined;
  capabilities = {};

  readonly driver: BackendFactory = {
    ...memoryBackend,
    open: async (name, options, ambient) => {
      this.opens++;
      if (this.down === 'hangs') await new Promise(() => undefined);
      if (this.down instanceof Error) throw this.down;
      this.#memory ??= await memoryBackend.open(name, options, ambient);
      const { backend } = this.#memory;
      const value = { ...backend.capabilities, hosts: 'many', ...this.capabilities };
      Object.defineProperty(backend, 'capabilities', { value, configurable: true });
      return this.#memory;
    },
  };
}

@Injectable()
class Handlers {
  readonly seen: string[] = [];

  @Consume('orders', { subscription: 'orders' })
  onOrder(data: string): void {
    this.seen.push(`orders ${data}`);
  }

  @Consume('local', { subscription: 'local', backend: 'local' })
  onLocal(data: string): void {
    this.seen.push(`local ${data}`);
  }
}

async function start(
  policy: 'fail' | 'retry' | undefined,
  more: Partial<QueueModuleOptions> = {},
): Promise<INestApplicationContext> {
  const { driver } = broker;
  // #region backends
  const backends = [
    { name: 'main', driver, primary: true, start: 'retry' },
    { name: 'local', driver: 'memory' },
  ] as const;
  // #endregion
  const { start: _retry, ...main } = backends[0];
  const config = policy === undefined ? main : { ...main, start: policy };
  const options = { source: 'urn:test', backends: [config, backends[1]], ...more };
  const queue = QueueModule.forRoot({ ...options, ambient: testAmbient(clock) });
  const note = (line: string) => void lines.push(line);
  const module = await Test.createTestingModule({ imports: [queue], providers: [Handlers] })
    .setLogger({ log: note, warn: note, error: note })
    .compile();
  return module.init();
}

const aboutMain = (): readonly string[] => lines.filter((line) => line.includes('backend "main"'));

beforeEach(() => {
  clock = new VirtualClock();
  lines = [];
  broker = new Broker();
  broker.down = new BackendUnavailableError('main', 'connect to broker:5672', 'connection refused');
});

describe('a backend that cannot be reached when the application starts', () => {
  it('fails the start, with its own error, and leaves nothing open', async () => {
    await expect(start(undefined)).rejects.toThrow(
      'backend "main" could not connect to broker:5672: connection refused',
    );
    await expect(start('fail')).rejects.toThrow('connection refused');
    expect([broker.opens, clock.pending]).toEqual([2, 0]);
  });

  it('does not keep an application from starting that tries again', async () => {
    const app = await start('retry');
    expect(await app.get(Bus).health()).toMatchObject({
      state: 'down',
      connection: { state: 'down', lastError: expect.stringContaining('connection refused') },
      subscriptions: [{ subscription: 'orders', consumer: 'new' }],
    });
    const local = app.get<Bus>(getBusToken('local'));
    await local.publish('local', 'a');
    await clock.advance(1);
    expect(app.get(Handlers).seen).toEqual(['local a']);
    await app.close();
    expect(clock.pending).toBe(0);
  });

  it('refuses publishes at once meanwhile, dials for none of them, and certainly stores none', async () => {
    const app = await start('retry');
    const { opens } = broker;
    const publishing = Promise.allSettled(['a', 'b', 'c'].map((id) => app.get(Bus).publish('orders', id)));
    await expect(app.get(Bus).publish('orders', 'd')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /^backend "main" could not publish: it has not been reached since the start/,
      ),
    });
    expect((await publishing).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(app.get(Bus).depth()).rejects.toMatchObject({ code: 'unavailable' });
    expect(broker.opens).toBe(opens);
    broker.down = undefined;
    await clock.advance(5_000);
    expect(app.get(Handlers).seen).toEqual([]);
    await app.close();
  });

  it('is in use as soon as it is there: topology, plan, consumers', async () => {
    const app = await start('retry');
    const changes: BackendStateChange[] = [];
    app.get(QueueHealth).onBackendState((change) => changes.push(change));
    await clock.advance(60_000);
    expect(broker.opens).toBeGreaterThan(15); // every four seconds at the latest
    expect(aboutMain()).toHaveLength(1);
    expect(
      app
        .get(QueueExplainer)
        .plan()
        .map(({ subscription }) => subscription),
    ).toEqual(['local']);
    broker.down = undefined;
    await clock.runUntil(
      () =>
        app
          .get(QueueRegistry)
          .list()
          .every(({ state }) => state === 'running'),
      5_000,
    );
    await app.get(Bus).publish('orders', 'a');
    await clock.advance(1);
    expect(app.get(Handlers).seen).toEqual(['orders a']);
    expect(await app.get(QueueHealth).read()).toMatchObject({
      state: 'up',
      backends: [{ reconnects: 0 }, {}],
    });
    expect(changes).toMatchObject([{ backend: 'main', from: 'down', to: 'up' }]);
    expect(aboutMain()).toEqual([
      'backend "main" is down, and is tried until it is back: backend "main" could not connect to broker:5672: connection refused',
      expect.stringMatching(/^backend "main" is up after \d+ ms$/),
    ]);
    expect(lines).toContain('Handlers.onOrder handles "orders" (orders) from main');
    expect(app.get(QueueExplainer).plan()).toHaveLength(2);
    await app.close();
    expect(clock.pending).toBe(0);
  });

  it('starts the bridges that wait for it', async () => {
    const bridges = [
      { name: 'b', from: { backend: 'local', topics: ['local'] }, to: { backend: 'main', topic: 'orders' } },
    ];
    const app = await start('retry', { bridges });
    await app.get<Bus>(getBusToken('local')).publish('local', 'over');
    await clock.advance(1_000);
    expect(app.get(Handlers).seen).toEqual(['local over']);
    broker.down = undefined;
    await clock.runUntil(() => app.get(Handlers).seen.includes('orders over'), 10_000);
    const closed = app.close();
    await clock.advance(30_000);
    await closed;
  });

  it('says once why it cannot be used although it is there, and stays down', async () => {
    broker.capabilities = { ack: 'none' };
    const app = await start('retry');
    broker.down = undefined;
    await clock.advance(60_000);
    expect(aboutMain().slice(1)).toEqual([
      expect.stringMatching(/^backend "main" is there and cannot be used: the backends cannot give what/),
    ]);
    expect((await app.get(Bus).health()).state).toBe('down');
    await expect(app.get(Bus).publish('orders', 'a')).rejects.toMatchObject({ code: 'unavailable' });
    await app.close();
    expect(clock.pending).toBe(0);
  });

  it('is in use when somebody has created what is missing', async () => {
    const local = new Broker();
    const make = async (of: Broker, name: string, topic: string) => {
      const { backend } = await of.driver.open(name, {}, testAmbient(clock));
      await backend.ensure(
        { subscriptions: [{ name: topic === 'local' ? 'local' : 'orders', topics: [topic] }] },
        'create',
      );
    };
    await make(local, 'local', 'local');
    const backends = [
      { name: 'main', driver: broker.driver, primary: true, start: 'retry' },
      { name: 'local', driver: local.driver },
    ] as const;
    const app = await start('retry', { backends, ensure: 'check' });
    broker.down = undefined;
    await clock.advance(10_000);
    expect(aboutMain()[1]).toMatch(
      /cannot be used: backend "main" differs .* subscription "orders" is missing/,
    );
    await make(broker, 'main', 'orders');
    await clock.runUntil(
      () =>
        app
          .get(QueueRegistry)
          .list()
          .every(({ state }) => state === 'running'),
      5_000,
    );
    await app.close();
  });

  it('lets the application close although it is being dialled', async () => {
    const app = await start('retry');
    broker.down = 'hangs';
    await clock.advance(5_000);
    const closed = app.close();
    await clock.advance(1_000);
    await closed;
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['a driver that is not installed', new MissingDriverError('amqplib'), 'npm install amqplib'],
    ['wrong options', undefined, 'backends[0].nonsense is not an option'],
  ])('fails the start in any case for %s', async (_what, error, text) => {
    broker.down = error;
    const nonsense = {
      name: 'main',
      driver: broker.driver,
      start: 'retry',
      nonsense: 1,
      primary: true,
    } as const;
    const local = { name: 'local', driver: 'memory' } as const;
    const more = error === undefined ? { backends: [nonsense, local] } : {};
    await expect(start('retry', more)).rejects.toThrow(text);
    expect(clock.pending).toBe(0);
  });

  it('has one of two policies', () => {
    const backends = [{ name: 'main', driver: 'memory', start: 'later' } as never];
    return expect(start('retry', { backends })).rejects.toThrow(
      'backends[0].start must be one of the following values: fail, retry',
    );
  });
});
