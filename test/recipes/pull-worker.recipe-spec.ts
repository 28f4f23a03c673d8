import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Consume, Ctx, DeadLetter, type MessageContext, Payload, QueueModule } from '@pigeonpost/queue';

interface Video {
  readonly videoId: string;
  readonly minutes: number;
}

/**
 * Takes one video when it is free, and nothing beyond it. The lease is short and renewed while the handler runs, so a
 * video of a process that died is somebody else's after a minute, however long videos take.
 */
@Injectable()
class Encoder {
  readonly started: string[] = [];

  @Consume('video.uploaded', {
    subscription: 'encoder',
    concurrency: 1,
    prefetch: 0,
    lease: '1m',
    maxLease: '6h',
  })
  @DeadLetter({ maxCrashes: 2 })
  async onVideo(@Payload() video: Video, @Ctx() { crashes, signal }: MessageContext): Promise<void> {
    this.started.push(`${video.videoId} after ${crashes} crashes`);
    for (let minute = 0; minute < video.minutes; minute++) {
      signal.throwIfAborted(); // the process is stopping, or the video is somebody else's by now
      await this.encode(video, minute);
    }
  }

  protected async encode(_video: Video, _minute: number): Promise<void> {}
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:videos',
      backends: [{ name: 'jobs', driver: 'sqlite', file: 'jobs.db' }],
    }),
  ],
  providers: [Encoder],
})
class EncoderModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('a pull worker', () => {
  let app: TestingModule;
  let harness: QueueHarness;
  let bus: Bus;

  beforeEach(async () => {
    app = await Test.createTestingModule({
      imports: [EncoderModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    [harness, bus] = [app.get(QueueHarness), app.get(Bus)];
  });

  afterEach(() => app.close());

  it('leaves to others what it is not working on', async () => {
    for (const videoId of ['v-1', 'v-2', 'v-3']) await bus.publish('video.uploaded', { videoId, minutes: 0 });
    const [depth] = await bus.depth('encoder');
    expect(depth).toMatchObject({ ready: 2, inflight: 1 });
    await harness.settled();
  });

  it('gets back what a crash left, when the lease has ended', async () => {
    const from = harness.clock.now();
    harness.faults.crashBeforeAck('encoder');
    await bus.publish('video.uploaded', { videoId: 'v-1', minutes: 3 });
    await harness.settled();
    expect(app.get(Encoder).started).toEqual(['v-1 after 0 crashes', 'v-1 after 1 crashes']);
    expect(harness.clock.now() - from).toBe(60_000);
  });

  it('gives up what ends its process every time', async () => {
    for (let nth = 1; nth <= 2; nth++) harness.faults.crashBeforeAck('encoder', { nth });
    await bus.publish('video.uploaded', { videoId: 'v-1', minutes: 3 });
    await harness.settled();
    expect(harness.deadLettered('encoder').map(({ failure }) => failure.reason)).toEqual(['crash']);
    expect(app.get(Encoder).started).toHaveLength(2);
  });
});
