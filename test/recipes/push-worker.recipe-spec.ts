import { Logger, type INestApplicationContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { temporaryFolder, until } from './waiting.js';

const folder = temporaryFolder();
const file = folder.file('events.db');
// #region application
import { Injectable, Module } from '@nestjs/common';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';

interface Alarm {
  readonly sensor: string;
}

/** Waits without asking; a publish of any process wakes it. */
@Injectable()
class Pager {
  readonly paged: string[] = [];

  @Consume('sensor.alarm', { subscription: 'pager', concurrency: 50 })
  async onAlarm(@Payload() { sensor }: Alarm): Promise<void> {
    this.paged.push(sensor);
  }
}

@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:pager',
      backends: [{ name: 'events', driver: 'sqlite', file }],
    }),
  ],
  providers: [Pager],
})
class PagerModule {}

/** Somebody else's process: it publishes, handles nothing, and needs the subscription to be there. */
@Module({
  imports: [
    QueueModule.forRoot({
      source: 'urn:service:sensors',
      consume: false,
      topology: { subscriptions: [{ name: 'pager', topics: ['sensor.alarm'] }] },
      backends: [{ name: 'events', driver: 'sqlite', file }],
    }),
  ],
})
class SensorModule {}
// #endregion

const running: INestApplicationContext[] = [];

async function start(module: Type): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  app.enableShutdownHooks();
  running.push(app);
  return app;
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(async () => {
  await Promise.all(running.map((app) => app.close()));
  folder.remove();
});

it('an idle worker is woken by what another connection publishes', async () => {
  const [pager, sensor] = [await start(PagerModule), await start(SensorModule)];
  const { paged } = pager.get(Pager);
  for (let no = 0; no < 20; no++) {
    // #region publish
    await sensor.get(Bus).publish('sensor.alarm', { sensor: `s-${no}` });
    // #endregion
    await until(() => paged.length === no + 1);
  }
  expect(paged).toEqual(Array.from({ length: 20 }, (_, no) => `s-${no}`));
});
