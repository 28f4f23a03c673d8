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
  type Delay,
  explainApplication,
  fixed,
  type ForeseenBackend,
  getBusToken,
  type MessageContext,
  QueueExplainer,
  QueueModule,
  Retry,
} from '@pigeonpost/queue';
import { memoryBackend } from '@pigeonpost/queue/memory';
import { realTime, weakened } from '@pigeonpost/queue/testing';

const folder = mkdtempSync(join(tmpdir(), 'pigeonpost-delays-'));
const SHORT = { kind: 'exact', maxMs: 10, resolutionMs: 1 } as const;
/** A broker that delays for hardly any time. */
const shortDelays: BackendFactory = weakened(memoryBackend, { delay: { publish: SHORT, retry: SHORT } });

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

  readonly attempts: { readonly attempt: number; readonly crashes: number; readonly at: number }[] = [];

  @Consume('reminder.failed', { subscription: 'repairs' })
  @Retry({ attempts: 2, backoff: fixed(300) })
  repair(_data: unknown, { attempt, crashes }: MessageContext): void {
    this.attempts.push({ attempt, crashes, at: performance.now() });
    if (attempt === 1) throw new TypeError('not yet');
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

class Repairs {}

function foreseeing(short: Delay): () => ForeseenBackend {
  const foreseen = memoryBackend.foresee?.({}) as ForeseenBackend;
  const { capabilities, remembers } = foreseen;
  return () => ({ capabilities: { ...capabilities, delay: { publish: short, retry: short } }, remembers });
}

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

  it('keep a retry that is longer than the broker can delay, and the plan says so', async () => {
    app = await (await Test.createTestingModule({ imports: [CalendarModule] }).compile()).init();
    const plan = app.get(QueueExplainer).plan();
    const retry = plan.find(({ subscription }) => subscription === 'repairs')?.entries;
    expect(retry?.find(({ need }) => need === 'retry')).toMatchObject({
      answer: 'composed',
      leaves: expect.stringContaining('repeats the message'),
    });
    const { attempts } = app.get(Reminders);
    await app.get(Bus).publish('reminder.failed', 1);
    await realTime().until(() => attempts.length === 2, 10_000);
    expect(attempts).toMatchObject([
      { attempt: 1, crashes: 0 },
      { attempt: 2, crashes: 0 },
    ]);
    expect((attempts[1]?.at ?? 0) - (attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(299);
  });

  it('are part of the plan of an application that is not started', async () => {
    const backends = [
      {
        name: 'events',
        driver: { ...shortDelays, foresee: foreseeing(SHORT) },
        primary: true,
        delays: 'later',
      },
      { name: 'later', driver: 'memory' },
    ] as const;
    const module = QueueModule.forRoot({ source: 'urn:calendar', backends });
    const plans = await explainApplication({ module: Repairs, imports: [module], providers: [Reminders] });
    const retry = plans.find(({ subscription }) => subscription === 'repairs')?.entries;
    expect(retry?.find(({ need }) => need === 'retry')).toMatchObject({ answer: 'composed' });
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
      'which forgets with its process',
      [
        { name: 'a', driver: weakened(memoryBackend, { durable: 'disk' }), primary: true, delays: 'b' },
        { name: 'b', driver: 'memory' },
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
