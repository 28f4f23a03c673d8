import type { Backend, Outgoing, PublishResult } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { Others } from './others.js';
import { Shop } from './shop.js';

const FOREIGN = 'shop.order';
const MAX_BYTES = 1_000;

describeWith('rabbitmq', 'publishes that are answered one by one', () => {
  let shop: Shop;
  let others: Others;

  beforeEach(async () => {
    others = await Others.on(brokerUrl('rabbitmq'));
    shop = new Shop(brokerUrl('rabbitmq'), { maxBytes: MAX_BYTES });
  });

  afterEach(async () => {
    await shop.dispose();
    await others.dispose();
  });

  const outcomes = (backend: Backend, batch: readonly Outgoing[]): Promise<readonly string[]> =>
    new Promise((resolve) => {
      const told: string[] = [];
      let left = batch.length;
      const answered = (at: number, result: PublishResult): void => {
        told[at] = result.status === 'refused' ? result.error.code : result.status;
        if (--left === 0) resolve(told);
      };
      backend.publishEach?.(batch, { answered });
    });

  it('answer for each message in its place, whatever becomes of its neighbours', async () => {
    const exchange = await others.exchange('fanout');
    const backend = await shop.open({ exchanges: { [FOREIGN]: { exchange } } });
    const odd = [
      { topic: 'nobody' },
      { delayMs: 200 },
      { body: 'x'.repeat(MAX_BYTES + 1) },
      { topic: FOREIGN },
    ];
    const batch = [{}, ...odd, {}].map((given) => shop.message(given));
    const [first, unroutable, delayed, large, foreign, last] = await outcomes(backend, batch);
    expect([first, delayed, last]).toEqual(['stored', 'stored', 'stored']);
    expect([unroutable, large, foreign]).toEqual(['unroutable', 'payload_too_large', 'unroutable']);
    const receiver = await shop.receiver(backend);
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      const delivery = await shop.take(receiver);
      ids.push(delivery.id);
      await receiver.settle([{ kind: 'ack', delivery }]);
    }
    expect(ids.sort()).toEqual([batch[0], batch[2], batch[5]].map((message) => message?.id));
  });

  it('are refused when the backend is closed', async () => {
    const backend = await shop.open();
    await backend.close(new Date(shop.time.clock.now()));
    expect(await outcomes(backend, [shop.message(), shop.message()])).toEqual(['closed', 'closed']);
  });
});
