import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Consume, Payload, QueueModule } from '@pigeonpost/queue';

interface CourierMoved {
  readonly courier: string;
  readonly at: string;
}

/** The next position comes in a second: an old one that comes again would only mislead. */
@Injectable()
class CourierMap {
  readonly shown: string[] = [];

  @Consume('courier.moved', { subscription: 'map', delivery: 'at-most-once' })
  onMoved(@Payload() { courier, at }: CourierMoved): void {
    if (at === 'nowhere') throw new RangeError(`${courier} is nowhere`);
    this.shown.push(`${courier} at ${at}`);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:couriers',
      backends: [{ name: 'events', driver: 'memory' }],
    }),
  ],
  providers: [CourierMap],
})
class CourierModule {}
// #endregion
import { Bus } from '@pigeonpost/queue';

beforeAll(() => Logger.overrideLogger(false));

describe('a queue with at most once', () => {
  it('never repeats a message, and forgets the ones that failed', async () => {
    const app = await Test.createTestingModule({
      imports: [CourierModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [bus, harness, map] = [app.get(Bus), app.get(QueueHarness), app.get(CourierMap)];

    for (const at of ['the bridge', 'nowhere', 'the market']) {
      // #region publish
      await bus.publish('courier.moved', { courier: 'c-1', at }, { ttl: '10s' });
      // #endregion
    }
    await harness.settled();
    expect(map.shown).toEqual(['c-1 at the bridge', 'c-1 at the market']);
    expect(await bus.deadLetters('map').browse()).toEqual([]);

    harness.faults.crashBeforeAck('map');
    await bus.publish('courier.moved', { courier: 'c-1', at: 'the harbour' });
    await harness.settled();
    expect(map.shown.slice(2)).toEqual(['c-1 at the harbour']);
    await app.close();
  });
});
