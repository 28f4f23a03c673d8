import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendConfig,
  type BridgeConfig,
  Bus,
  Consume,
  getBusToken,
  type MessageContext,
  QueueModule,
  QueueRegistry,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { realTime, weakened } from '@pigeonpost/queue/testing';

const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-bridges-'));
let app: INestApplicationContext | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

@Injectable()
class Orders {
  readonly seen: string[] = [];

  @Consume('order.placed', { subscription: 'local', backend: 'local' })
  onLocal(_data: unknown, { id }: MessageContext): void {
    this.seen.push(`local ${id}`);
  }

  @Consume('order.placed', { subscription: 'shared', backend: 'shared' })
  onShared(_data: unknown, { id }: MessageContext): void {
    this.seen.push(`shared ${id}`);
  }
}

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:shop',
      backends: [
        { name: 'local', driver: 'memory', primary: true },
        { name: 'shared', driver: 'sqlite', file: join(folder, 'shared.db') },
      ],
      bridges: [
        {
          name: 'out',
          from: { backend: 'local', topics: ['order.placed'] },
          to: { backend: 'shared' },
          order: 'key',
        },
        { name: 'in', from: { backend: 'shared', topics: ['order.placed'] }, to: { backend: 'local' } },
      ],
    }),
  ],
  providers: [Orders],
})
class ShopModule {}
// #endregion

const BACKENDS: readonly BackendConfig[] = [
  { name: 'local', driver: 'memory', primary: true },
  { name: 'shared', driver: 'memory' },
];
const BRIDGE: BridgeConfig = {
  name: 'b',
  from: { backend: 'local', topics: ['t'] },
  to: { backend: 'shared' },
};

function start(bridges: unknown, backends = BACKENDS): Promise<unknown> {
  const options = { source: 'urn:shop', backends, bridges: bridges as readonly BridgeConfig[] };
  return Test.createTestingModule({ imports: [QueueModule.forRoot(options)] })
    .compile()
    .then((module) => module.init());
}

describe('bridges', () => {
  it('bring each message to the other side once, and not back', async () => {
    app = await (await Test.createTestingModule({ imports: [ShopModule] }).compile()).init();
    const { seen } = app.get(Orders);
    await app.get<Bus>(getBusToken('local')).publish('order.placed', 1, { id: 'a' });
    await app.get<Bus>(getBusToken('shared')).publish('order.placed', 2, { id: 'b' });
    const registry = app.get(QueueRegistry);
    const counts = () => registry.status().bridges.map(({ report }) => [report?.moved, report?.dropped]);
    await realTime().until(() => String(counts()) === '1,1,1,1', 10_000);
    await realTime().until(() => seen.length === 4, 10_000);
    expect(seen.toSorted()).toEqual(['local a', 'local b', 'shared a', 'shared b']);
    expect(registry.status().bridges).toMatchObject([
      { name: 'out', from: 'local', to: 'shared', report: { state: 'running' } },
      { name: 'in', from: 'shared', to: 'local' },
    ]);
    await app.close();
    expect(registry.status().bridges).toMatchObject([
      { report: { state: 'stopped' } },
      { report: { state: 'stopped' } },
    ]);
    app = undefined;
  });

  it.each([
    ['bridges must be an array', {}],
    ['bridges[0] must be an object', ['x']],
    ['bridges[0].name must be the name of a subscription', [{ ...BRIDGE, name: 'a b' }]],
    ['bridges[0].speed is not an option', [{ ...BRIDGE, speed: 1 }]],
    ['bridges[0].from must be an object', [{ ...BRIDGE, from: 'local' }]],
    ['bridges[0].from.topic is not an option', [{ ...BRIDGE, from: { ...BRIDGE.from, topic: 't' } }]],
    ['bridges[0].from.topics must list topics', [{ ...BRIDGE, from: { backend: 'local', topics: [] } }]],
    ['bridges[0].to.backend: there is no backend "x"', [{ ...BRIDGE, to: { backend: 'x' } }]],
    ['bridges[0].to.topic must be a topic', [{ ...BRIDGE, to: { backend: 'shared', topic: '#' } }]],
    ['bridges[0].change must be a function', [{ ...BRIDGE, change: 1 }]],
    ['bridges[0].order must be key or none', [{ ...BRIDGE, order: 'yes' }]],
    ['bridges[0].rate must be a number above 0', [{ ...BRIDGE, rate: 0 }]],
    ['bridges[0].maxHops must be a whole number', [{ ...BRIDGE, maxHops: 0 }]],
    ['bridges[0] leads back to where it comes from', [{ ...BRIDGE, to: { backend: 'local' } }]],
    ['bridges[0] leads back', [{ ...BRIDGE, to: { backend: 'local', topic: 't' } }]],
    ['the name "b" is given twice', [BRIDGE, BRIDGE]],
  ])('are refused at the start: %s', async (sentence, bridges) => {
    await expect(start(bridges)).rejects.toThrow(sentence);
  });

  it('are refused where a message could be lost on the way, with the reason', async () => {
    const local = weakened(memoryBackend, { ack: 'none', fanout: 'ephemeral', order: 'none' });
    const shared = weakened(memoryBackend, { confirm: 'none' });
    const backends = [
      { name: 'local', driver: local, primary: true },
      { name: 'shared', driver: shared },
    ];
    const refused = start([{ ...BRIDGE, order: 'key' }], backends as readonly BackendConfig[]);
    await expect(refused).rejects.toMatchObject({ code: 'plan_refused' });
    await expect(refused).rejects.toThrow(
      /bridge "b" cannot be at least once, because backend "local" forgets .*\n.*"local" has no named .*\n.*asks for order by key, and backend "local" has none.*\n.*"shared" does not confirm/,
    );
  });
});
