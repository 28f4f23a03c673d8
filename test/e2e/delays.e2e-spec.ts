import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendConfig,
  type BackendFactory,
  Bus,
  Consume,
  getBusToken,
  type MessageContext,
  QueueModule,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { realTime, weakened } from '@pigeonpost/queue/testing';

const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-delays-'));
const SHORT = { kind: 'exact', maxMs: 10, resolutionMs: 1 } as const;
const LONG = { kind: 'exact', maxMs: 3_600_000, resolutionMs: 1 } as const;
/** A broker that delays for hardly any time. */
const shortDelays: BackendFactory = weakened(memoryBackend, { delay: { publish: SHORT, retry: LONG } });

let app: INestApplicationContext | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

@Injectable()
class Reminders {
  readonly sent: { readonly id: string; readonly at: number }[] = [];

  @Consume('reminder.due', { subscription: 'reminders' })
  send(_data: unknown, { id }: MessageContext): void {
    this.sent.push({ id, at: performance.now() });
  }
}

// #region module
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:calendar',
      backends: [
        { name: 'events', driver: shortDelays, primary: true, delays: 'waiting' },
        { name: 'waiting', driver: 'sqlite', file: join(folder, 'waiting.db') },
      ],
    }),
  ],
  providers: [Reminders],
})
class CalendarModule {}
// #endregion

async function start(backends: readonly BackendConfig[]): Promise<void> {
  const module = QueueModule.forRoot({ source: 'urn:calendar', backends });
  app = await Test.createTestingModule({ imports: [module] }).compile();
  await app.init();
}

describe('delays on another backend', () => {
  it('hand a message out when it is due, not before', async () => {
    app = await (await Test.createTestingModule({ imports: [CalendarModule] }).compile()).init();
    const { sent } = app.get(Reminders);
    const publishedAt = performance.now();
    const bus = app.get(Bus);
    await bus.publish('reminder.due', 1, { id: 'later', delay: 300 });
    await bus.publish('reminder.due', 2, { id: 'now' });
    const [waiting] = await app.get<Bus>(getBusToken('waiting')).depth('delayed.events');
    expect(waiting).toMatchObject({ delayed: 1 });
    await realTime().until(() => sent.length === 2, 10_000);
    expect(sent.map(({ id }) => id)).toEqual(['now', 'later']);
    expect((sent[1]?.at ?? 0) - publishedAt).toBeGreaterThanOrEqual(299);
  });

  it.each([
    ['backends[0].delays: there is no backend "x"', [{ name: 'a', driver: 'memory', delays: 'x' }]],
    [
      'backends[0].delays: a backend cannot make up for itself',
      [{ name: 'a', driver: 'memory', delays: 'a' }],
    ],
    [
      'backends[0].delays: backend "b" has `delays` of its own',
      [
        { name: 'a', driver: 'memory', primary: true, delays: 'b' },
        { name: 'b', driver: 'memory', delays: 'a' },
      ],
    ],
    [
      'backend "a" is to delay on backend "b", which has no exact delays: name another',
      [
        { name: 'a', driver: 'memory', primary: true, delays: 'b' },
        { name: 'b', driver: weakened(memoryBackend, { delay: { publish: false, retry: false } }) },
      ],
    ],
    [
      'which could lose them',
      [
        { name: 'a', driver: 'memory', primary: true, delays: 'b' },
        { name: 'b', driver: weakened(memoryBackend, { ack: 'none' }) },
      ],
    ],
    [
      'which cannot keep them apart',
      [
        { name: 'a', driver: 'memory', primary: true, delays: 'b' },
        { name: 'b', driver: weakened(memoryBackend, { lane: false }) },
      ],
    ],
  ])('are refused at the start: %s', async (sentence, backends) => {
    await expect(start(backends as readonly BackendConfig[])).rejects.toThrow(sentence);
    app = undefined;
  });
});
