import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  type BackendConfig,
  type BackendStateChange,
  Bus,
  Consume,
  type QueueError,
  QueueHealth,
  QueueModule,
} from '@pigeonpost/queue';
import { setTimeout as pause } from 'node:timers/promises';
import { BrokerProcess } from '../../brokers/broker-process.js';
import { describeWith } from '../../brokers/broker-url.js';

/** Of the users of brokers that tests start. */
const CANARY = 'canary-4f1d';
const HEARTBEAT_MS = 1_000;
/** Of a consumer, after its broker is back. */
const WORKS_WITHIN_MS = 10_000;
const BUSY_MACHINE_MS = 10_000;

@Injectable()
class Handlers {
  readonly seen: unknown[] = [];

  @Consume('orders', { subscription: 'orders' })
  onOrder(data: unknown): void {
    this.seen.push(data);
  }
}

describe.each(['postgres', 'redis', 'rabbitmq'] as const)('%s of one’s own', (driver) => {
  describeWith(driver, 'that comes, goes and comes back', () => {
    let broker: BrokerProcess;
    let app: INestApplicationContext;
    const changes: BackendStateChange[] = [];
    /** Everything that somebody could read. */
    const texts: string[] = [];

    beforeAll(async () => {
      broker = await BrokerProcess.start(driver);
      await broker.stop();
      const main: BackendConfig = {
        name: 'main',
        driver,
        url: broker.url,
        start: 'retry',
        heartbeatMs: HEARTBEAT_MS,
      };
      const queue = QueueModule.forRoot({ source: 'urn:test', backends: [main] });
      const note = (line: unknown) => void texts.push(String(line));
      const module = await Test.createTestingModule({ imports: [queue], providers: [Handlers] })
        .setLogger({ log: note, warn: note, error: note })
        .compile();
      app = await module.init();
      app.get(QueueHealth).onBackendState((change) => changes.push(change));
    }, 60_000);

    afterAll(() => broker?.dispose());

    async function read() {
      const report = await app.get(Bus).health();
      texts.push(JSON.stringify(report));
      return report;
    }

    async function until(holds: () => boolean | Promise<boolean>, maxMs: number): Promise<void> {
      const endsAt = performance.now() + maxMs + BUSY_MACHINE_MS;
      while (!(await holds())) {
        if (performance.now() > endsAt) throw new RangeError(`not within ${maxMs} ms: ${holds.toString()}`);
        await pause(20);
      }
    }

    /** A broker that has just come back may still refuse, or never answer, for a moment. */
    async function publishUntilStored(data: string): Promise<void> {
      const attempt = () =>
        app
          .get(Bus)
          .publish('orders', data)
          .then(
            () => true,
            (error: QueueError) => void texts.push(error.message),
          );
      await until(async () => (await attempt()) === true, 2 * WORKS_WITHIN_MS);
    }

    async function failureOfPublish(): Promise<QueueError> {
      const error = await app
        .get(Bus)
        .publish('orders', 'lost?')
        .then(
          () => undefined,
          (reason: unknown) => reason as QueueError,
        );
      for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
        texts.push(`${cause.message} ${cause.stack} ${JSON.stringify(cause)}`);
      }
      return error as QueueError;
    }

    it('does not keep the application from starting; publishes are refused at once', async () => {
      expect(await read()).toMatchObject({ state: 'down', subscriptions: [{ consumer: 'new' }] });
      expect((await failureOfPublish()).code).toBe('unavailable');
    });

    it('is taken into use when it comes', async () => {
      await broker.start();
      await until(async () => (await read()).subscriptions[0]?.consumer === 'running', WORKS_WITHIN_MS);
      await publishUntilStored('first');
      await until(() => app.get(Handlers).seen.includes('first'), WORKS_WITHIN_MS);
      expect(await read()).toMatchObject({ state: 'up', reconnects: 0 });
    }, 60_000);

    it('is used again after an orderly restart', async () => {
      await broker.stop();
      await until(async () => (await read()).connection.state === 'down', 2 * HEARTBEAT_MS);
      await broker.start();
      await until(async () => (await read()).connection.state === 'up', WORKS_WITHIN_MS);
      await publishUntilStored('second');
      await until(() => app.get(Handlers).seen.includes('second'), WORKS_WITHIN_MS);
    }, 90_000);

    it('is told to be down when it was killed, and to be up when it is back, with consumers at work', async () => {
      await broker.kill();
      await until(async () => (await read()).connection.state === 'down', 2 * HEARTBEAT_MS);
      await broker.start();
      await until(async () => (await read()).connection.state === 'up', WORKS_WITHIN_MS);
      await publishUntilStored('third');
      await until(() => app.get(Handlers).seen.includes('third'), WORKS_WITHIN_MS);
      expect((await read()).reconnects).toBe(2);
      const ways = changes.map(({ from, to }) => `${from} → ${to}`);
      expect([ways[0], ways.at(-1)?.endsWith('→ up')]).toEqual(['down → up', true]);
    }, 90_000);

    it('does not keep the application from closing when it is down', async () => {
      await broker.kill();
      await until(async () => (await read()).connection.state === 'down', 2 * HEARTBEAT_MS);
      const from = performance.now();
      await app.close();
      expect(performance.now() - from).toBeLessThan(WORKS_WITHIN_MS);
    }, 60_000);

    it('shows its password to nobody', () => {
      expect(broker.url).toContain(CANARY);
      expect(texts.length).toBeGreaterThan(5);
      expect(texts.filter((text) => text.includes(CANARY))).toEqual([]);
    });
  });
});
