import fc from 'fast-check';
import { isPattern } from '../message/topic-pattern.js';
import { checkName } from '../message/names.js';
import { InvalidPatternError, subscriptionOfRoute, topicOfRoute, topicsOfRoute } from './pattern.topic.js';

const routes = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 200, unit: 'binary' }),
    fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom('a', '.', '_', '-', '5', 'f', 'p') }),
    fc.json().map((json) => `{"cmd":${json}}`),
    fc.constantFrom('order.placed', 'pp.pattern.a', 'pp.pattern-hash.x', '{"cmd":"sum"}', '{"cmd":"*"}', '5'),
  )
  .filter((route) => route.isWellFormed());

/** undefined: refused. */
function topicOr(route: string): string | undefined {
  try {
    return topicOfRoute(route);
  } catch (error) {
    if (error instanceof InvalidPatternError) return undefined;
    throw error;
  }
}

describe('the topic of a pattern', () => {
  it('is the pattern itself where that can be a topic', () => {
    expect(topicOfRoute('order.placed')).toBe('order.placed');
    expect(topicOfRoute('5')).toBe('5');
  });

  it('is an encoding of any other pattern', () => {
    expect(topicOfRoute('{"cmd":"sum"}')).toBe('pp.pattern._7b_22cmd_22_3a_22sum_22_7d');
    expect(topicOfRoute('pp.reply.somebody')).toBe('pp.pattern.pp.reply.somebody');
    expect(topicOfRoute('x'.repeat(200))).toMatch(/^pp\.pattern-hash\.[\w-]{43}$/);
  });

  it('is always a topic, with room for that of the answers, and of one pattern only', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(routes, (route) => {
        const topic = topicOr(route);
        if (topic === undefined) return;
        checkName('topic', `${topic}.reply`);
        expect(seen.get(topic) ?? route).toBe(route);
        seen.set(topic, route);
      }),
      { numRuns: 2_000 },
    );
    expect(seen.size).toBeGreaterThan(100);
  });

  it.each([
    'order.*',
    'order.#',
    'order.>',
    'home/+/light',
    '+',
    true,
    undefined,
    '',
    '{"a":[MAX_DEPTH_REACHED]}',
  ])('is refused for %j', (route) => {
    expect(() => topicOfRoute(route)).toThrow(InvalidPatternError);
  });
});

describe('the subscription of a pattern', () => {
  it('is named after the group and the topic, and never too long', () => {
    expect(subscriptionOfRoute('shop', 'order.placed')).toBe('shop.order.placed');
    fc.assert(
      fc.property(routes, (route) => {
        fc.pre(topicOr(route) !== undefined);
        expect(subscriptionOfRoute('g'.repeat(60), route).length).toBeLessThan(129);
      }),
    );
  });

  it('listens to patterns of topics where the route is one', () => {
    expect(topicsOfRoute('order.*')).toBe('order.*');
    expect(isPattern(subscriptionOfRoute('shop', 'order.#'))).toBe(false);
    expect(topicsOfRoute('order.placed')).toBe('order.placed');
    expect(() => topicsOfRoute('order*')).toThrow(/whole word/);
  });
});
