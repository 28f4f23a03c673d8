import type { Backend, Receiver } from '@pigeonpost/queue';
import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
import { Shop } from './shop.js';

const LONGEST_MS = 120_000;
const MESSAGES = 400;
const MOST_TRIES = 20;

describeWith('rabbitmq', 'a server that closes connections and runs out of memory', () => {
  let broker: BrokerProcess;
  let shop: Shop;

  beforeAll(async () => {
    broker = await BrokerProcess.start('rabbitmq');
  }, LONGEST_MS);

  afterAll(() => broker?.dispose());

  beforeEach(() => void (shop = new Shop(broker.url, { commandTimeoutMs: 3_000, heartbeatMs: 2_000 })));

  afterEach(() => shop.dispose(), LONGEST_MS);

  it(
    'loses nothing that was stored when its connections are closed under load',
    async () => {
      const backend = await shop.open();
      const receiver = await shop.receiver(backend);
      const handled = new Map<string, number>();
      const stop = new AbortController();
      const handling = handleAll(receiver, handled, stop.signal);
      const stored: string[] = [];
      const publishing = publishAll(shop, backend, stored);
      await shop.until(() => handled.size > 20);
      await broker.rabbitmqctl('close_all_connections', 'enough');
      await publishing;
      await shop.until(() => stored.every((id) => handled.has(id)), 60_000);
      stop.abort();
      await handling;
      expect(stored).toHaveLength(MESSAGES);
      const again = [...handled.values()].filter((times) => times > 1).length;
      expect(again).toBeLessThanOrEqual(20); // what was in flight
      await shop.until(() => backend.status().state === 'up');
    },
    LONGEST_MS,
  );

  it(
    'that stops reading makes publishes wait until their deadline, and consumers go on',
    async () => {
      const backend = await shop.open();
      const receiver = await shop.receiver(backend);
      await shop.publish(backend);
      await broker.rabbitmqctl('set_vm_memory_high_watermark', '0.000001');
      const first = await shop.publish(backend); // tells us that it has stopped
      expect(first.status).not.toBe('stored');
      await shop.until(() => backend.status().state === 'degraded');
      expect(await shop.publish(backend)).toMatchObject({
        status: 'refused',
        error: { code: 'unavailable' },
      });
      const delivery = await shop.take(receiver);
      expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['ok']);
      const waiting = shop.publish(backend);
      await broker.rabbitmqctl('set_vm_memory_high_watermark', '0.6');
      expect(await waiting).toMatchObject({ status: 'stored' });
      await shop.until(() => backend.status().state === 'up');
    },
    LONGEST_MS,
  );
});

async function handleAll(
  receiver: Receiver,
  handled: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const delivery of await receiver.receive(20, signal)) {
      handled.set(delivery.id, (handled.get(delivery.id) ?? 0) + 1);
      await receiver.settle([{ kind: 'ack', delivery }]);
    }
  }
}

/** One after the other, each until it is stored. */
async function publishAll(shop: Shop, backend: Backend, stored: string[]): Promise<void> {
  while (stored.length < MESSAGES) {
    const message = shop.message();
    for (let tries = 1; ; tries++) {
      const [result] = await backend.publish([message]);
      if (result?.status === 'stored') break;
      if (tries === MOST_TRIES)
        throw new Error(`${message.id} is not stored: ${String(result?.error.message)}`);
    }
    stored.push(message.id);
  }
}
