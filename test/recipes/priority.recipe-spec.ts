import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Consume, Payload, QueueModule } from '@pigeonpost/queue';

interface Ticket {
  readonly subject: string;
}

/** One at a time, and none kept in hand: what is urgent waits for one ticket at most. */
@Injectable()
class HelpDesk {
  readonly answered: string[] = [];

  @Consume('ticket.opened', { subscription: 'help-desk', concurrency: 1, prefetch: 0 })
  async onTicket(@Payload() { subject }: Ticket): Promise<void> {
    this.answered.push(subject);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:support',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [HelpDesk],
})
class SupportModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('a queue with priorities', () => {
  it('answers what is urgent first, and otherwise who came first', async () => {
    const app = await Test.createTestingModule({
      imports: [SupportModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [bus, harness, desk] = [app.get(Bus), app.get(QueueHarness), app.get(HelpDesk)];

    const opened = Promise.all([
      // #region publish
      bus.publish('ticket.opened', { subject: 'the colour of the button' }),
      bus.publish('ticket.opened', { subject: 'I cannot log in' }, { priority: 5 }),
      bus.publish('ticket.opened', { subject: 'the site is down' }, { priority: 9 }),
      bus.publish('ticket.opened', { subject: 'nobody can log in' }, { priority: 5 }),
      // #endregion
    ]);
    await opened;
    await harness.settled();
    expect(desk.answered).toEqual([
      'the site is down',
      'I cannot log in',
      'nobody can log in',
      'the colour of the button',
    ]);
    await app.close();
  });
});
