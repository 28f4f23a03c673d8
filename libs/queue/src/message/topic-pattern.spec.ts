import fc from 'fast-check';
import { InvalidNameError } from './names.js';
import { checkTopicOrPattern, isPattern, matchesTopic } from './topic-pattern.js';

/** By the words of the docs, and slowly: every way to divide the topic among the words of the pattern is tried. */
function naively(pattern: readonly string[], topic: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return topic.length === 0;
  if (first === '#') return topic.some((_, taken) => naively(rest, topic.slice(taken))) || naively(rest, []);
  return topic.length > 0 && (first === '*' || first === topic[0]) && naively(rest, topic.slice(1));
}

const word = fc.constantFrom('a', 'b', 'order', '', 'a-b');
const topics = fc.array(word, { minLength: 1, maxLength: 6 });
const patterns = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('*')), { maxLength: 5 }), fc.constantFrom([], ['#'], ['*']))
  .map(([words, last]) => [...words, ...last])
  .filter((words) => words.length > 0);

describe('a pattern of topics', () => {
  it.each([
    ['order.*', ['order.placed', 'order.'], ['order', 'order.placed.eu', 'orders.placed']],
    ['order.#', ['order', 'order.placed', 'order.placed.eu'], ['orders', 'my.order']],
    ['*.placed', ['order.placed'], ['placed', 'a.b.placed', 'order.placed.eu']],
    ['*.*.#', ['a.b', 'a.b.c.d'], ['a']],
    ['#', ['a', 'a.b.c'], []],
    ['*', ['a'], ['a.b']],
  ])('%s', (pattern, matching, others) => {
    expect(checkTopicOrPattern('topic', pattern)).toBe(pattern);
    expect(isPattern(pattern)).toBe(true);
    expect(matching.filter((topic) => !matchesTopic(pattern, topic))).toEqual([]);
    expect(others.filter((topic) => matchesTopic(pattern, topic))).toEqual([]);
  });

  it('matches what the words of the docs say', () => {
    fc.assert(
      fc.property(patterns, topics, (pattern, topic) => {
        expect(matchesTopic(pattern.join('.'), topic.join('.'))).toBe(naively(pattern, topic));
      }),
      { numRuns: 1_000 },
    );
  });

  it('looks at each word once at most, where trying every division would take for ever', () => {
    const hostile = `${'a.'.repeat(500_000)}a`;
    expect(matchesTopic(`${'*.'.repeat(63)}#`, hostile)).toBe(true);
    expect(matchesTopic(`${'*.'.repeat(63)}b`, hostile)).toBe(false);
  });

  it.each(['order.#.eu', '##', 'a*', 'order.pl*ced', '.#', 'a b.*', '*é', `${'a.'.repeat(64)}*`, '*.\n'])(
    'is refused with its grammar: %p',
    (pattern) => {
      expect(() => checkTopicOrPattern('topic', pattern)).toThrow(InvalidNameError);
      expect(() => checkTopicOrPattern('topic', pattern)).toThrow("'#' is the whole last word");
    },
  );

  it('is no topic to publish to, and a topic is no pattern', () => {
    expect(checkTopicOrPattern('topic', 'order.placed')).toBe('order.placed');
    expect(isPattern('order.placed')).toBe(false);
    expect(() => checkTopicOrPattern('topic', '')).toThrow(InvalidNameError);
    expect(() => checkTopicOrPattern('topic', 7)).toThrow(InvalidNameError);
  });
});
