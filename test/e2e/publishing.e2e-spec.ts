import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Injectable, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  Bus,
  Consume,
  QueueExplainer,
  QueueModule,
  whenFull,
  type BackendConfig,
  type Capabilities,
  type QueueModuleOptions,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { testAmbient, VirtualClock, weakened } from '@pigeonpost/queue/testing';

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

const MEMORY: BackendConfig = { name: 'main', driver: 'memory' };
const weak = (less: Partial<Capabilities>): BackendConfig => ({
  name: 'main',
  driver: weakened(memoryBackend, less),
});

async function start(options: Partial<QueueModuleOptions>, ...providers: Type[]): Promise<Bus> {
  const queue = QueueModule.forRoot({
    source: 'urn:test',
    group: 'g',
    backends: [MEMORY],
    ambient: testAmbient(clock),
    ...options,
  });
  app = await Test.createTestingModule({ imports: [queue], providers })
    .setLogger({ log() {}, warn() {}, error() {} })
    .compile();
  await app.init();
  return app.get(Bus);
}

@Injectable()
class Orders {
  @Consume('order.placed')
  onOrder(data: unknown): void {
    handled.push(data);
  }
}

const advance = (ms = 0): Promise<void> => clock.advance(ms);

describe('a topic with a window of deduplication', () => {
  // #region declared-window
  const topology = { topics: [{ name: 'order.placed', dedup: '10m' }] } as const;
  // #endregion

  it('stores an id once within the window, and says so', async () => {
    const bus = await start({ topology }, Orders);
    // #region repeated
    const first = await bus.publish('order.placed', { total: 5 }, { id: 'o-1' });
    const second = await bus.publish('order.placed', { total: 5 }, { id: 'o-1' });
    // #endregion
    expect([first, second]).toEqual([
      { id: 'o-1', copies: 1 },
      { id: 'o-1', copies: 0, duplicate: true },
    ]);
    expect(await bus.publish('order.placed', 2, { dedupId: 'o-1' })).toMatchObject({ duplicate: true });
    await advance();
    expect(handled).toEqual([{ total: 5 }]);
    expect(await bus.publish('order.placed', 3, { id: 'o-1', dedup: false })).toMatchObject({ copies: 1 });
    await advance(600_000);
    expect(await bus.publish('order.placed', 4, { id: 'o-1' })).toEqual({ id: 'o-1', copies: 1 });
  });

  it('stands in the plan, as the backend keeps it', async () => {
    await start({ topology }, Orders);
    const explainer = app?.get(QueueExplainer);
    expect(explainer?.plan().at(-1)).toMatchObject({
      handler: 'topology.topics[0]',
      topics: ['order.placed'],
      entries: [{ need: 'dedup', answer: 'native' }],
    });
    expect(explainer?.table()).toContain('topology.topics[0] declares order.placed on main');
  });

  it('is kept above a backend that has none', async () => {
    const bus = await start({ topology, backends: [weak({ dedup: false })] }, Orders);
    expect(app?.get(QueueExplainer).plan().at(-1)?.entries).toMatchObject([{ answer: 'composed' }]);
    await bus.publish('order.placed', 1, { id: 'o-1' });
    expect(await bus.publish('order.placed', 1, { id: 'o-1' })).toMatchObject({ duplicate: true });
    await advance();
    expect(handled).toEqual([1]);
  });

  it('stops the start where it is longer than the backend remembers', async () => {
    const started = start({ topology, backends: [weak({ dedup: { windowMs: 60_000 } })] }, Orders);
    await expect(started).rejects.toThrow(
      'topology.topics[0] asks for dedup (each id stored once within 10m), but backend "main" recognises a ' +
        "repeat for 1m at most: shorten the window to '1m'",
    );
  });
});

it('a publish can have a window of its own, and a dedupId needs one', async () => {
  const bus = await start({}, Orders);
  const once = { id: 'o-1', dedup: '1m' } as const;
  expect(await bus.publish('order.placed', 1, once)).toEqual({ id: 'o-1', copies: 1 });
  expect(await bus.publish('order.placed', 1, once)).toEqual({ id: 'o-1', copies: 0, duplicate: true });
  await expect(bus.publish('order.placed', 1, { dedupId: 'x' })).rejects.toThrow(/dedupId needs a window/);
  await expect(bus.publish('order.placed', 1, { dedup: '31d' })).rejects.toThrow(/at most 30d/);
});

describe('a bounded subscription', () => {
  @Injectable()
  class Slow {
    // #region bounds
    @Consume('order.placed', {
      bounds: { maxMessages: 2, whenFull: whenFull.reject },
      prefetch: 0,
      concurrency: 1,
    })
    // #endregion
    async onOrder(): Promise<void> {
      await new Promise<void>((resolve) => void clock.timer(1_000, resolve));
    }
  }

  it('stands in the plan with what it loses, and refuses what does not fit', async () => {
    const bus = await start({}, Slow);
    expect(app?.get(QueueExplainer).table()).toContain('2 messages at most, then reject');
    await bus.publish('order.placed', 1);
    await bus.publish('order.placed', 2);
    await expect(bus.publish('order.placed', 3)).rejects.toMatchObject({
      code: 'subscription_full',
      subscription: 'g.order.placed',
    });
    await advance(2_000);
    expect(await bus.publish('order.placed', 3)).toMatchObject({ copies: 1 });
    await advance(1_000);
  });

  it('can be declared where it is published, and its receipts tell what was lost', async () => {
    const bounds = { maxMessages: 1, whenFull: whenFull.dropOldest };
    const topology = { subscriptions: [{ name: 'board', topics: ['score'], bounds }] };
    const bus = await start({ topology });
    expect(await bus.publish('score', 1)).toEqual({ id: expect.any(String), copies: 1 });
    expect(await bus.publish('score', 2)).toMatchObject({ copies: 1, displaced: ['board'] });
    expect(await bus.depth('board')).toMatchObject([{ ready: 1, dropped: 1 }]);
    expect(app?.get(QueueExplainer).plan()).toMatchObject([
      { handler: 'topology.subscriptions[0]', subscription: 'board', entries: [{ need: 'bounds' }] },
    ]);
  });

  it('stops the start where the backend has no bounds, or where two declarations differ', async () => {
    await expect(start({ backends: [weak({ bounds: false })] }, Slow)).rejects.toThrow(
      /Slow\.onOrder asks for bounds .* but backend "main" does not hold publishers to a bound/,
    );
    const bounds = { maxMessages: 9, whenFull: whenFull.reject };
    const subscriptions = [{ name: 'g.order.placed', topics: ['order.placed'], bounds }];
    await expect(start({ topology: { subscriptions } }, Slow)).rejects.toThrow(/two different bounds/);
  });
});

describe('a subscription that starts late', () => {
  // #region retained
  const topology = { topics: [{ name: 'order.placed', retain: { for: '7d', max: 1_000 } }] } as const;
  // #endregion

  @Injectable()
  class Archive {
    // #region earliest
    @Consume('order.placed', { subscription: 'archive', start: 'earliest' })
    // #endregion
    onOrder(data: unknown): void {
      handled.push(data);
    }
  }

  it('gets what its topic retained, and the plan says both', async () => {
    const bus = await start({ topology });
    expect(await bus.publish('order.placed', 1)).toMatchObject({ copies: 0 });
    expect(app?.get(QueueExplainer).table()).toContain('kept for later subscriptions: 7d, the newest 1000');
  });

  it('is handed the retained messages of a shared file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-late-'));
    const backends = [{ name: 'main', driver: 'sqlite', file: join(folder, 'queue.db') }] as const;
    const bus = await start({ topology, backends });
    for (const number of [1, 2, 3]) await bus.publish('order.placed', number);
    await app?.close();
    await start({ backends }, Archive);
    await clock.runUntil(() => handled.length === 3, 5_000);
    expect(handled).toEqual([1, 2, 3]);
    await app?.close();
    app = undefined;
    rmSync(folder, { recursive: true });
  });

  it('stops the start where its topic retains nothing, or its backend cannot', async () => {
    await expect(start({}, Archive)).rejects.toThrow(
      /"archive" shall start with the earliest message of topic "order.placed", but .* retains none of them/,
    );
    await expect(start({ topology, backends: [weak({ log: false })] }, Archive)).rejects.toThrow(
      /topology\.topics\[0\] asks for log/,
    );
  });
});
