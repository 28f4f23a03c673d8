import type { ConsumeMessage } from 'amqplib';
import { asItCame } from './rabbitmq.broker-death.js';
import { topicOf } from './rabbitmq.delivery.js';
import { ForeignTopics } from './rabbitmq.foreign-topics.js';

const ROUTES = new ForeignTopics({ 'shop.order': { exchange: 'shop.orders' } }).heardBy(['#']);

function buried(headers: object): ConsumeMessage {
  const fields = { exchange: '', routingKey: 'pigeonpost.dead.work', deliveryTag: 1, redelivered: false };
  return { content: Buffer.from('{}'), fields, properties: { headers } } as unknown as ConsumeMessage;
}
const death = (exchange: string, routingKey: string): object => ({
  'x-death': [
    { reason: 'delivery_limit', exchange, 'routing-keys': [routingKey] },
    { reason: 'expired', exchange: 'pigeonpost.delay.3', 'routing-keys': ['topic.wrong'] },
  ],
});

describe('a message that the broker gave up', () => {
  it.each([
    ['orders', death('pigeonpost.topics', 'orders')],
    ['orders', death('pigeonpost.due', 'topic.orders')],
    ['orders', { ...death('', 'pigeonpost.lane.work'), 'pp:topic': 'orders' }],
    ['shop.order', death('shop.orders', 'created')],
  ])('has the topic %s, whatever way it came', (topic, headers) => {
    const letter = buried(headers);
    expect(topicOf(asItCame(letter, ROUTES, 1_000))).toBe(topic);
    expect(letter.properties.headers).toBe(headers);
  });

  it('is left as it is where nothing tells of its way', () => {
    const letter = buried({});
    expect(asItCame(letter, ROUTES, 1_000)).toBe(letter);
  });
});
