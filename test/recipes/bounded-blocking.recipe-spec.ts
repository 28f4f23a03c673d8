import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { QueueHarness, QueueTestingModule } from '@pigeonpost/queue/testing/nest';
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Bus, Consume, Payload, QueueModule, whenFull } from '@pigeonpost/queue';

interface Page {
  readonly number: number;
}

@Injectable()
class Indexer {
  readonly indexed: number[] = [];

  @Consume('page.found', {
    subscription: 'indexer',
    bounds: { maxMessages: 3, whenFull: whenFull.block('30s') },
  })
  async onPage(@Payload() { number }: Page): Promise<void> {
    this.indexed.push(number);
  }
}

/** Reads as fast as the indexer can follow, and no faster. */
@Injectable()
class Crawler {
  constructor(private readonly bus: Bus) {}

  async crawl(pages: number): Promise<void> {
    for (let number = 1; number <= pages; number++) await this.bus.publish('page.found', { number });
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:search',
      backends: [{ name: 'events', driver: 'sqlite', file: 'events.db' }],
    }),
  ],
  providers: [Indexer, Crawler],
})
class SearchModule {}
// #endregion

beforeAll(() => Logger.overrideLogger(false));

describe('a bounded queue that blocks', () => {
  it('makes publishers wait for room, and loses nothing', async () => {
    const app = await Test.createTestingModule({
      imports: [SearchModule, QueueTestingModule.forRoot()],
    }).compile();
    await app.init();
    const [harness, indexer, crawler] = [app.get(QueueHarness), app.get(Indexer), app.get(Crawler)];

    let isDone = false;
    const crawling = Promise.all([crawler.crawl(10), crawler.crawl(10)]).then(() => (isDone = true));
    await harness.clock.runUntil(() => isDone, 30_000);
    await crawling;
    await harness.settled();
    expect(indexer.indexed).toHaveLength(20);
    await app.close();
  });
});
