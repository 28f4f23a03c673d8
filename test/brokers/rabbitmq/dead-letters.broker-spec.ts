import { Bus, type Backend, type Receiver } from '@pigeonpost/queue';
import { brokerUrl, describeWith } from '../broker-url.js';
import { Shop, WORK } from './shop.js';

const LETTERS = 30;
const LONGEST_MS = 60_000;

describeWith('rabbitmq', 'dead letters on rabbitmq', () => {
  const shop = new Shop(brokerUrl('rabbitmq'));
  let backend: Backend;
  let receiver: Receiver;
  const ids: string[] = [];

  beforeAll(async () => {
    backend = await shop.open();
    receiver = await shop.receiver(backend);
    for (let count = 0; count < LETTERS; count++) {
      await shop.publish(backend);
      const delivery = await shop.take(receiver);
      const error = { name: 'Error', message: 'no' };
      const failure = { attempt: 1, at: 1, reason: 'rejected', error, handler: 'A.b', host: 'h:1' } as const;
      await receiver.settle([{ kind: 'dead', delivery, failure }]);
      ids.push(delivery.id);
    }
  }, LONGEST_MS);

  afterAll(() => shop.dispose());

  const lettersOf = (of: Backend) =>
    new Bus({ backend: of, source: 'urn:spec', ambient: shop.ambient }).deadLetters(WORK);

  it(
    'are all seen by a second connection right after a first one looked, page by page, and one is replayed by its id',
    async () => {
      expect(await lettersOf(backend).browse()).toHaveLength(LETTERS);
      const other = await shop.open();
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const page = await lettersOf(other).browse({ limit: 10, ...(after !== undefined && { after }) });
        seen.push(...page.map(({ id }) => id));
        after = page.at(-1)?.ref;
        if (after === undefined) break;
      }
      expect(seen).toEqual(ids);
      expect(await lettersOf(other).replay(ids[4] as string)).toBe(1);
      const again = await shop.take(receiver);
      expect([again.id, again.attempt]).toEqual([ids[4], 1]);
      await receiver.settle([{ kind: 'ack', delivery: again }]);
    },
    LONGEST_MS,
  );

  it(
    'are seen whole by two who look at the same time',
    async () => {
      const other = await shop.open();
      const both = await Promise.all([lettersOf(backend).browse(), lettersOf(other).browse()]);
      expect(both.map(({ length }) => length)).toEqual([LETTERS - 1, LETTERS - 1]);
    },
    LONGEST_MS,
  );
});
