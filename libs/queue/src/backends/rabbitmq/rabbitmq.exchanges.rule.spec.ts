import { validateSync } from 'class-validator';
import { problemWith } from './rabbitmq.exchanges.rule.js';
import { RabbitmqOptions, resolveOptions } from './rabbitmq.options.js';

describe('the rule of exchanges', () => {
  it.each([
    [{}],
    [{ 'shop.order': { exchange: 'shop.orders', routingKey: 'order.*' } }],
    [{ alert: { exchange: 'alerts', headers: { level: 'high', zone: 1, night: true }, match: 'any' } }],
    [{ job: { exchange: '', routingKey: 'legacy' } }],
  ])('takes %j', (exchanges) => {
    expect(problemWith(exchanges)).toBeUndefined();
  });

  it.each([
    [[], /must be an object of topics, such as/],
    [{ 'shop.*': { exchange: 'x' } }, /"shop\.\*".*name of a topic/],
    [{ order: 'shop.orders' }, /must be an object, such as/],
    [{ order: { exchange: 'x', queue: 'y' } }, /no option "queue": there are exchange, routingKey/],
    [{ order: {} }, /needs the name of an exchange/],
    [{ order: { exchange: 'x'.repeat(256) } }, /at most 255 bytes/],
    [{ order: { exchange: 'x', routingKey: 7 } }, /routingKey that is no text/],
    [{ order: { exchange: '' } }, /default exchange, where `routingKey` must name a queue/],
    [{ order: { exchange: 'x', match: 'some' } }, /neither 'all' nor 'any'/],
    [{ order: { exchange: 'x', headers: [] } }, /headers that are no object/],
    [{ order: { exchange: 'x', headers: { 'x-match': 'all' } } }, /"x-match".*meaning of their own/],
    [{ order: { exchange: 'x', headers: { level: {} } } }, /"level" that is neither a text/],
  ])('says what is wrong with %j', (exchanges, problem) => {
    expect(problemWith(exchanges)).toMatch(problem);
    const options = Object.assign(new RabbitmqOptions(), { url: 'amqp://localhost', exchanges });
    const [error] = validateSync(options);
    expect(Object.values(error?.constraints ?? {})).toEqual([expect.stringMatching(problem)]);
  });

  it('refuses exchanges of the library itself', () => {
    const exchanges = { order: { exchange: 'pigeonpost.topics' } };
    expect(() => resolveOptions('events', { url: 'amqp://localhost', exchanges })).toThrow(
      /"pigeonpost\.topics" in `exchanges` is one of the library/,
    );
  });
});
