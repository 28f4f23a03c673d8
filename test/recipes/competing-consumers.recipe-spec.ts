import { Logger, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { temporaryFolder, until } from './waiting.js';
// #region application
import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { Bus, Consume, Payload, QueueModule } from '@pigeonpost/queue';

interface Image {
  readonly imageId: number;
}

/** Every process that has this handler takes from the same subscription: a message goes to one of them. */
@Injectable()
class Thumbnails {
  readonly made: number[] = [];

  @Consume('image.uploaded', { subscription: 'thumbnails', concurrency: 4, prefetch: 0 })
  async onImage(@Payload() { imageId }: Image): Promise<void> {
    await this.shrink(imageId);
    this.made.push(imageId);
  }

  protected async shrink(_imageId: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

@Module({})
class WorkerModule {
  static of(file: string): DynamicModule {
    const queue = QueueModule.forRoot({
      source: 'urn:service:images',
      backends: [{ name: 'events', driver: 'sqlite', file }],
    });
    return { module: WorkerModule, imports: [queue], providers: [Thumbnails] };
  }
}
// #endregion

const COUNT = 400;
const folder = temporaryFolder();
const running: INestApplicationContext[] = [];

async function start(): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(WorkerModule.of(folder.file('events.db')), {
    logger: false,
  });
  app.enableShutdownHooks();
  running.push(app);
  return app;
}

beforeAll(() => Logger.overrideLogger(false));
afterAll(async () => {
  await Promise.all(running.map((app) => app.close()));
  folder.remove();
});

it('workers share the messages of one subscription, and a worker that stops leaves its share to the others', async () => {
  const workers = [await start(), await start(), await start()];
  const made = (): readonly (readonly number[])[] => workers.map((app) => app.get(Thumbnails).made);
  const [first] = workers as [INestApplicationContext];
  const bus = first.get(Bus);
  const published = Array.from({ length: COUNT }, (_, imageId) => bus.publish('image.uploaded', { imageId }));
  await Promise.all(published);

  await until(() => made().every((share) => share.length > 0));
  await (workers[2] as INestApplicationContext).close();
  await until(() => made().flat().length >= COUNT);

  const all = made().flat();
  expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, imageId) => imageId));
});
