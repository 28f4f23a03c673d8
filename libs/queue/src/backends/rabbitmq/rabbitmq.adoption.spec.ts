import type { ConsumeMessage } from 'amqplib';
import { decodeEvent } from '../../message/envelope.js';
import { adopt, unescaped } from './rabbitmq.adoption.js';
import { RabbitDelivery } from './rabbitmq.delivery.js';
import { ForeignTopics } from './rabbitmq.foreign-topics.js';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const ROUTES = new ForeignTopics({ 'shop.order': { exchange: 'shop.orders' } }).heardBy(['#']);

function arrived(
  body: string | Buffer,
  properties: Record<string, unknown> = {},
  redelivered = false,
): RabbitDelivery {
  const fields = { exchange: 'shop.orders', routingKey: 'created', deliveryTag: 1, redelivered };
  const raw = { content: Buffer.from(body), fields, properties } as unknown as ConsumeMessage;
  adopt(raw, ROUTES, NOW);
  return new RabbitDelivery(raw, { subscription: 'work', leaseMs: 1_000, epoch: 1, at: 0 });
}

describe('a message of somebody else', () => {
  it('is an event, made of its AMQP properties', () => {
    const delivery = arrived('{"orderId":"o-1"}', {
      messageId: 'm-1',
      type: 'OrderCreated',
      timestamp: 1_700_000_000,
      contentType: 'application/json',
      correlationId: 'c 1 é',
      headers: { zone: 7 },
    });
    expect(delivery).toMatchObject({ id: 'm-1', topic: 'shop.order', publishedAt: 1_700_000_000_000 });
    expect(delivery.headers['zone']).toBe('7');
    expect(decodeEvent(delivery.body, delivery.headers, delivery.publishedAt)).toMatchObject({
      event_id: 'm-1',
      event_type: 'OrderCreated',
      source: 'urn:rabbitmq:shop.orders',
      timestamp: '2023-11-14T22:13:20.000Z',
      correlation_id: 'c 1 é',
      data: { orderId: 'o-1' },
    });
  });

  it('without properties has the topic as its type, the time of its arrival and an id of its bytes', () => {
    const [one, other] = [arrived('{"a":1}'), arrived('{"a":1}')];
    expect(one.publishedAt).toBe(NOW);
    expect(one.id).toBe(other.id);
    expect(decodeEvent(one.body, one.headers, one.publishedAt)).toMatchObject({
      event_type: 'shop.order',
      timestamp: '2026-01-02T03:04:05.000Z',
      data: { a: 1 },
    });
  });

  it('has text or bytes for data, as its content type says', () => {
    const dataOf = (body: string | Buffer, contentType: string): unknown => {
      const { body: came, headers } = arrived(body, { contentType });
      return decodeEvent(came, headers).data;
    };
    expect(dataOf('hello', 'text/plain')).toBe('hello');
    const bytes = Buffer.from([0, 255, 1]);
    expect(dataOf(bytes, 'application/x-pickle')).toEqual(new Uint8Array(bytes));
    expect(dataOf(bytes, 'no media type')).toEqual(new Uint8Array(bytes));
  });

  it('that says itself what it is, is left as it is', () => {
    const own =
      '{"envelope":1,"event_id":"e-1","event_type":"t","source":"urn:a","timestamp":"2026-01-01T00:00:00.000Z","data":1}';
    const native = arrived(own, { contentType: 'application/json' });
    expect(decodeEvent(native.body, native.headers)).toMatchObject({ event_id: 'e-1', source: 'urn:a' });
    const structured = arrived('{"specversion":"1.0","id":"s-1","source":"urn:b","type":"t","data":2}', {
      contentType: 'application/cloudevents+json; charset=utf-8',
    });
    expect(decodeEvent(structured.body, structured.headers)).toMatchObject({ event_id: 's-1', data: 2 });
    const binary = arrived('3', {
      contentType: 'application/json',
      headers: { 'ce-specversion': '1.0', 'ce-id': 'b-1', 'ce-source': 'urn:c', 'ce-type': 't' },
    });
    expect(decodeEvent(binary.body, binary.headers)).toMatchObject({
      event_id: 'b-1',
      source: 'urn:c',
      data: 3,
    });
  });

  it('keeps its x- headers, without those of the broker', () => {
    const headers = { 'x-request-id': 'r-1', 'x-death': [{ count: 1 }], 'x-delivery-count': 2 };
    const delivery = arrived('{}', { headers }, true);
    expect(delivery.headers['x-request-id']).toBe('r-1');
    expect(delivery.headers['x-delivery-count']).toBeUndefined();
    expect(delivery.crashes).toBe(2);
    expect(unescaped({ 'pp:h:x-request-id': 'r-1', 'pp:h:CC': 'a', plain: 'b' })).toEqual({
      'x-request-id': 'r-1',
      'pp:h:CC': 'a',
      plain: 'b',
    });
  });

  it('has no past here, although its sender copied the headers of another message', () => {
    const past = { 'pp:failed': 3, 'pp:crashes': 2, 'pp:body': 1, 'pp:died': 5, 'x-delivery-count': 9 };
    const delivery = arrived('{"a":1}', { headers: { ...past, 'pp:key': 'k' } });
    expect([delivery.attempt, delivery.crashes, delivery.failures, delivery.key]).toEqual([1, 0, [], 'k']);
    expect(decodeEvent(delivery.body, delivery.headers, delivery.publishedAt).data).toEqual({ a: 1 });
  });

  it('by another exchange is left as it is', () => {
    const properties = { headers: {} };
    const fields = { exchange: '', routingKey: 'lane' };
    adopt({ content: Buffer.alloc(0), fields, properties } as never, ROUTES, NOW);
    expect(properties).toEqual({ headers: {} });
  });
});
