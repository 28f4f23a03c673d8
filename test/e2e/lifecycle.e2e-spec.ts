import {
  Controller,
  Injectable,
  Logger,
  Module,
  Scope,
  type DynamicModule,
  type INestApplicationContext,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  Bus,
  Consume,
  QueueModule,
  QueueRegistry,
  TopologyDriftError,
  type BackendFactory,
  type MessageContext,
  type QueueModuleOptions,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock } from '@pigeonpost/queue/testing';

let log: string[];
let clock: VirtualClock;
let release: () => void;
let held: Promise<void>;

/** The memory backend, noting when it is opened and closed. */
const notedMemory: BackendFactory = {
  ...memoryBackend,
  async open(name, options, ambient) {
    log.push('backend opened');
    const opened = await memoryBackend.open(name, options, ambient);
    const close = opened.backend.close.bind(opened.backend);
    const open = opened.backend.open.bind(opened.backend);
    opened.backend.open = (spec) => (log.push(`consumer started ${spec.name}`), open(spec));
    opened.backend.close = (deadline) => (log.push('backend closed'), close(deadline));
    return opened;
  },
};

class Noting implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  constructor(private readonly name: string) {}
  onApplicationBootstrap(): void {
    log.push(`${this.name} bootstrap`);
  }
  onModuleDestroy(): void {
    log.push(`${this.name} destroy`);
  }
  onApplicationShutdown(): void {
    log.push(`${this.name} shutdown`);
  }
}

@Injectable()
class Database extends Noting {
  constructor() {
    super('db');
  }
}

@Module({ providers: [Database], exports: [Database] })
class DatabaseModule {}

/** In the module of the handlers, and closed by its own hook. */
@Injectable()
class Sibling extends Noting {
  constructor() {
    super('sibling');
  }
}

@Controller()
class Handlers extends Noting {
  constructor(readonly database: Database) {
    super('handlers');
  }
  @Consume('work')
  async work(_data: unknown, { signal, attempt }: MessageContext): Promise<void> {
    log.push(`work begins ${attempt}`);
    signal.addEventListener('abort', () => log.push(`aborted ${(signal.reason as Error).name}`));
    await held;
    log.push('work ends');
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedHandlers {
  @Consume('scoped')
  async work(): Promise<void> {
    log.push('scoped begins');
    await held;
    log.push('scoped ends');
  }
}

@Module({ imports: [DatabaseModule], controllers: [Handlers], providers: [Sibling, ScopedHandlers] })
class HandlersModule extends Noting {
  constructor() {
    super('module');
  }
}

class RootModule extends Noting {
  constructor() {
    super('root');
  }
}

const queue = (options: Partial<QueueModuleOptions> = {}): DynamicModule =>
  QueueModule.forRoot({
    source: 'urn:test',
    group: 'test',
    backends: [{ name: 'main', driver: notedMemory }],
    ambient: testAmbient(clock),
    ...options,
  });

const root = (options?: Partial<QueueModuleOptions>): DynamicModule => ({
  module: RootModule,
  imports: [HandlersModule, queue(options)],
  // Through the container, so that RootModule's constructor needs nothing.
  providers: [],
});

async function start(options?: Partial<QueueModuleOptions>): Promise<INestApplicationContext> {
  const module = await Test.createTestingModule({ imports: [root(options)] })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  return module.init();
}

beforeEach(() => {
  log = [];
  clock = new VirtualClock();
  held = new Promise((resolve) => (release = resolve));
});

describe('the life of an application', () => {
  it('starts nothing before init', async () => {
    const module = await Test.createTestingModule({ imports: [root()] }).compile();
    expect(log).toEqual([]);
    await module.close();
    expect(log.filter((line) => line.startsWith('backend') || line.startsWith('consumer'))).toEqual([]);
  });

  it('starts consumers after the hooks of their module, and before those of the modules above', async () => {
    const app = await start();
    expect(log).toEqual([
      'backend opened',
      'db bootstrap',
      expect.stringMatching(/^(handlers|sibling) bootstrap$/),
      expect.stringMatching(/^(handlers|sibling) bootstrap$/),
      'module bootstrap',
      'consumer started test.scoped',
      'consumer started test.work',
      'root bootstrap',
    ]);
    await app.close();
  });

  it('drains running handlers before anything that they use is destroyed, and closes backends last', async () => {
    const app = await start();
    await app.get(Bus).publish('work', {});
    await app.get(Bus).publish('scoped', {});
    await clock.runUntil(() => log.includes('work begins 1') && log.includes('scoped begins'), 1_000);
    log = [];
    const closed = app.close();
    await clock.advance(1_000);
    expect(log).toEqual(['root destroy']);
    release();
    await closed;
    expect([log[0], ...log.slice(1, 3).toSorted()]).toEqual(['root destroy', 'scoped ends', 'work ends']);
    const order = (line: string): number => log.indexOf(line);
    for (const line of ['handlers destroy', 'sibling destroy', 'db destroy'])
      expect(order(line)).toBeGreaterThan(2);
    expect(order('db destroy')).toBeGreaterThan(order('handlers destroy'));
    expect(log.at(-1)).toBe('backend closed');
    expect(log.filter((line) => line.startsWith('aborted'))).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('ends within the deadline when a handler does not, and gives its message back uncounted', async () => {
    const app = await start({ shutdown: { drain: '10s' } });
    const bus = app.get(Bus);
    await bus.publish('work', {});
    await clock.runUntil(() => log.includes('work begins 1'), 1_000);
    const startedAt = clock.mono();
    let isClosed = false;
    const closed = app.close().then(() => (isClosed = true));
    await clock.runUntil(() => isClosed, 60_000);
    await closed;
    expect(clock.mono() - startedAt).toBeLessThanOrEqual(10_000);
    expect(log).toContain('aborted ShutdownError');
    expect(log).not.toContain('work ends');
    expect(log.at(-1)).toBe('backend closed');
    release();
  });

  it('publishes while it drains, and refuses afterwards', async () => {
    const app = await start();
    const bus = app.get(Bus);
    await bus.publish('work', {});
    await clock.runUntil(() => log.includes('work begins 1'), 1_000);
    const closed = app.close();
    await clock.advance(10);
    await expect(bus.publish('work', {})).resolves.toMatchObject({ copies: 1 });
    release();
    await closed;
    await expect(bus.publish('work', {})).rejects.toMatchObject({ code: 'closed' });
  });

  it('closes everything although the hook of a handler rejects', async () => {
    const errors: string[] = [];
    class Rejecting {
      @Consume('rejecting')
      handle(): void {}
      async onModuleDestroy(): Promise<void> {
        throw new TypeError('hook failed');
      }
    }
    const module = await Test.createTestingModule({
      imports: [queue()],
      providers: [Rejecting],
    }).compile();
    Logger.overrideLogger({ log() {}, warn() {}, error: (error: unknown) => errors.push(String(error)) });
    const app = await module.init();
    await app.close();
    expect(errors.join()).toContain('hook failed');
    expect(log.at(-1)).toBe('backend closed');
    expect(clock.pending).toBe(0);
  });

  it('opens no consumer where it is only to publish, and ensures the subscriptions all the same', async () => {
    const app = await start({ consume: false });
    expect(log.filter((line) => line.startsWith('consumer'))).toEqual([]);
    await expect(app.get(Bus).publish('work', {})).resolves.toMatchObject({ copies: 1 });
    expect(app.get(QueueRegistry).list()).toEqual([]);
    await app.close();
  });

  it('consumes the subscriptions that are named', async () => {
    const app = await start({ consume: ['test.work'] });
    expect(app.get(QueueRegistry).list()).toEqual([
      {
        handler: 'Handlers.work',
        subscription: 'test.work',
        topics: ['work'],
        backend: 'main',
        state: 'running',
      },
    ]);
    await app.close();
    await expect(start({ consume: ['test.wrok'] })).rejects.toThrow(
      'no handler has the subscription "test.wrok"',
    );
  });

  it('does not start, and leaves nothing open, when the broker lacks what is declared', async () => {
    await expect(start({ ensure: 'check' })).rejects.toThrow(TopologyDriftError);
    expect(log).toEqual(['backend opened', 'backend closed']);
    expect(clock.pending).toBe(0);
  });

  it('does not start, and leaves nothing open, when a consumer cannot be opened', async () => {
    const module = await Test.createTestingModule({ imports: [root({ ensure: 'off' })] }).compile();
    await expect(module.init()).rejects.toMatchObject({ code: 'unknown_subscription' });
    expect(log.at(-1)).toBe('backend closed');
    expect(clock.pending).toBe(0);
    await module.close();
  });

  it('warns once when no signal reaches it', async () => {
    const warnings: string[] = [];
    const module = await Test.createTestingModule({ imports: [root()] }).compile();
    Logger.overrideLogger({ log() {}, error() {}, warn: (text: string) => warnings.push(text) });
    await module.init();
    await clock.advance(60_000);
    await module.close();
    expect(warnings.filter((text) => text.includes('enableShutdownHooks'))).toHaveLength(1);
  });

  it('does not warn when the hooks are enabled right after the start', async () => {
    const warnings: string[] = [];
    const logger = { log() {}, warn: (text: string) => warnings.push(text), error() {} };
    const app = await NestFactory.createApplicationContext(root(), { logger });
    app.enableShutdownHooks();
    await clock.advance(60_000);
    await app.close();
    expect(warnings).toEqual([]);
  });

  it('runs without an HTTP server', async () => {
    const lines: string[] = [];
    const logger = { log: (text: string) => lines.push(text), warn() {}, error() {} };
    const app = await NestFactory.createApplicationContext(root(), { logger });
    await app.get(Bus).publish('work', {});
    await clock.runUntil(() => log.includes('work begins 1'), 1_000);
    release();
    await app.close();
    expect(lines).toContain('Handlers.work handles "test.work" (work) from main');
    expect(log.at(-1)).toBe('backend closed');
  });

  it('runs twice in one process without sharing anything', async () => {
    const [first, second] = [await start(), await start()];
    await first.get(Bus).publish('work', {});
    await clock.runUntil(() => log.includes('work begins 1'), 1_000);
    expect((await first.get(Bus).depth('test.work'))[0]).toMatchObject({ inflight: 1 });
    expect((await second.get(Bus).depth('test.work'))[0]).toMatchObject({ inflight: 0 });
    release();
    await Promise.all([first.close(), second.close()]);
  });
});

describe('an object that the application only lends', () => {
  it('has its own hooks again afterwards', async () => {
    const lent = { onModuleDestroy: () => void log.push('lent destroyed') };
    const { onModuleDestroy } = lent;
    const frozen = Object.freeze({ onModuleDestroy: () => void log.push('frozen destroyed') });
    @Module({
      providers: [
        { provide: 'lent', useValue: lent },
        { provide: 'frozen', useValue: frozen },
      ],
      controllers: [Handlers],
      imports: [DatabaseModule],
    })
    class LendingModule {}
    for (const round of [1, 2]) {
      const module = await Test.createTestingModule({ imports: [queue(), LendingModule] }).compile();
      await module.init();
      await module.close();
      expect(log.filter((line) => line === 'lent destroyed')).toHaveLength(round);
      expect(log.filter((line) => line === 'frozen destroyed')).toHaveLength(round);
      expect(lent.onModuleDestroy).toBe(onModuleDestroy);
    }
  });
});

describe('the registry', () => {
  it('pauses and resumes a subscription', async () => {
    release();
    const app = await start();
    const registry = app.get(QueueRegistry);
    registry.pause('test.work');
    await app.get(Bus).publish('work', {});
    await clock.advance(60_000);
    expect(log).not.toContain('work begins 1');
    expect(
      registry
        .status()
        .consumers.map(({ state }) => state)
        .sort(),
    ).toEqual(['paused', 'running']);
    registry.resume('test.work');
    await clock.runUntil(() => log.includes('work ends'), 1_000);
    expect(() => registry.pause('nobody')).toThrow('does not handle');
    expect(registry.status().backends['main']).toMatchObject({ state: 'up' });
    await app.close();
  });
});
