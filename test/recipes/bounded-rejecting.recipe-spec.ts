import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module, ServiceUnavailableException } from '@nestjs/common';
import { Bus, Consume, Payload, QueueModule, SubscriptionFullError, whenFull } from '@pigeonpost/queue';

interface Report {
  readonly month: string;
}

@Injectable()
class Reports {
  readonly made: string[] = [];

  @Consume('report.wanted', {
    subscription: 'reports',
    bounds: { maxMessages: 2, whenFull: whenFull.reject },
  })
  async onReport(@Payload() { month }: Report): Promise<void> {
    this.made.push(month);
  }
}

/** Says so at once when there is too much to do, instead of taking what will come too late. */
@Injectable()
class ReportDesk {
  constructor(private readonly bus: Bus) {}

  async order(month: string): Promise<void> {
    try {
      await this.bus.publish('report.wanted', { month });
    } catch (error) {
      if (error instanceof SubscriptionFullError) throw new ServiceUnavailableException('come back later');
      throw error;
    }
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:reports',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [Reports, ReportDesk],
})
class ReportModule {}
// #endregion

beforeAll(() => Logger.overrideLogger(false));

describe('a bounded queue that rejects', () => {
  it('refuses what does not fit, and takes again when there is room', async () => {
    const app = await Test.createTestingModule({
      imports: [ReportModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [harness, reports, desk] = [app.get(QueueHarness), app.get(Reports), app.get(ReportDesk)];

    const orders = ['january', 'february', 'march'].map((month) => desk.order(month));
    const [first, second, third] = await Promise.allSettled(orders);
    expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(third).toMatchObject({ reason: { message: 'come back later' } });
    await harness.settled();
    await desk.order('march');
    await harness.settled();
    expect(reports.made).toEqual(['january', 'february', 'march']);
    await app.close();
  });
});
