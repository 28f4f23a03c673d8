import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Ambient, type Backend, Bus, type Clock, QueueError, systemAmbient } from '@pigeonpost/queue';
import { postgresBackend } from '@pigeonpost/queue/postgres';
import { rabbitmqBackend } from '@pigeonpost/queue/rabbitmq';
import { redisBackend } from '@pigeonpost/queue/redis';
import { BrokerProcess } from '../../brokers/broker-process.js';
import { describeWithOwn } from '../../brokers/broker-url.js';

const SPEED = 120;
/** Ten minutes for the backend. */
const OUTAGE_MS = 600_000 / SPEED;
/** Of a connection in ten minutes, when each attempt waits between 2 and 4 s and is refused at once. */
const MOST_ATTEMPTS = 310;
/** Those that a backend keeps: to publish, to consume, to be told, and for the store. */
const CONNECTIONS = 4;
/** Without a cap the next attempt would be minutes away: seconds of ours. */
const BACK_WITHIN_MS = 4_000;
const PAUSE_MS = 5;
const HANDFUL = 64 * 2 ** 20;

/** Its minute is half a second. What a backend waits for, other than for the broker, is over sooner too. */
const hasty: Clock = {
  now: () => systemAmbient.clock.now(),
  mono: () => systemAmbient.clock.mono() * SPEED,
  timer: (delayMs, fn) => systemAmbient.clock.timer(delayMs / SPEED, fn),
};
const AMBIENT: Ambient = { ...systemAmbient, clock: hasty };

/** In the place of the broker: hangs up on everybody, and counts. */
class DeadLine {
  readonly #server: Server;
  calls = 0;

  private constructor() {
    this.#server = createServer((socket: Socket) => {
      this.calls++;
      socket.on('error', () => undefined);
      socket.destroy();
    });
  }

  static async at(port: number): Promise<DeadLine> {
    const line = new DeadLine();
    await new Promise<void>((resolve, reject) => {
      line.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    return line;
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** In the backend's own time: what a real network and a real machine need. */
const PATIENT = {
  connectTimeoutMs: 1_000 * SPEED,
  commandTimeoutMs: 1_000 * SPEED,
  heartbeatMs: 2_000 * SPEED,
};

const open = {
  postgres: (url: string) => postgresBackend.open('main', { url, ...PATIENT }, AMBIENT),
  redis: (url: string) => redisBackend.open('main', { url, ...PATIENT }, AMBIENT),
  rabbitmq: (url: string) => rabbitmqBackend.open('main', { url, ...PATIENT }, AMBIENT),
};

describe.each(['postgres', 'redis', 'rabbitmq'] as const)('ten minutes without %s', (driver) => {
  describeWithOwn(driver, 'that nobody repairs', () => {
    let broker: BrokerProcess;
    let backend: Backend;
    let bus: Bus;
    const handled = new Set<string>();
    const stop = new AbortController();
    let consuming: Promise<void>;

    beforeAll(async () => {
      broker = await BrokerProcess.start(driver);
      ({ backend } = await open[driver](broker.url));
      await backend.ensure({ subscriptions: [{ name: 'work', topics: ['jobs'] }] }, 'create');
      bus = new Bus({ backend, source: 'urn:test', ambient: AMBIENT, publishTimeoutMs: 3_000 * SPEED });
      consuming = consume();
      await bus.publish('jobs', 'before', { id: 'before' });
      await until(() => handled.has('before'), 10_000);
      await broker.stop();
    }, 60_000);

    afterAll(async () => {
      stop.abort();
      await consuming;
      await bus.close();
      await backend.close(new Date(hasty.now() + 2_000));
      await broker.dispose();
    });

    async function consume(): Promise<void> {
      const receiver = await backend.open({ name: 'work', topics: ['jobs'], leaseMs: 1_200_000 });
      while (!stop.signal.aborted) {
        const deliveries = await receiver.receive(10, stop.signal);
        for (const { id } of deliveries) handled.add(id);
        await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
      }
      await receiver.close();
    }

    async function until(holds: () => boolean, maxMs: number): Promise<void> {
      for (const endsAt = performance.now() + maxMs; !holds(); await pause(PAUSE_MS)) {
        if (performance.now() > endsAt) throw new RangeError(`not within ${maxMs} ms: ${holds.toString()}`);
      }
    }

    it('costs neither memory nor lines in a log, and calls at the broker without haste', async () => {
      const states: string[] = [];
      backend.onStatus?.(({ state }) => states.push(state));
      const line = await DeadLine.at(broker.port);
      const bytes = process.memoryUsage().rss;
      const told = new Map<string, number>();
      let published = 0;
      for (const endsAt = performance.now() + OUTAGE_MS; performance.now() < endsAt; await pause(PAUSE_MS)) {
        void bus.publish('jobs', 'x'.repeat(1_000), { id: `out-${published++}` }).then(
          () => told.set('stored', 1),
          (error: QueueError) => told.set(error.code, (told.get(error.code) ?? 0) + 1),
        );
      }
      await line.end();
      expect([...told.keys()]).toEqual(['unavailable']);
      expect(told.get('unavailable')).toBeGreaterThan(published / 2);
      expect(line.calls).toBeGreaterThan(3);
      expect(line.calls).toBeLessThan(CONNECTIONS * MOST_ATTEMPTS);
      expect(states.length).toBeLessThan(3);
      expect(process.memoryUsage().rss - bytes).toBeLessThan(HANDFUL);
    }, 60_000);

    it('is over as soon as the broker is back', async () => {
      await broker.start();
      await until(() => backend.status().state === 'up', BACK_WITHIN_MS);
      const id = 'after';
      await bus.publish('jobs', 'after', { id });
      await until(() => handled.has(id), 10_000);
    }, 60_000);
  });
});
