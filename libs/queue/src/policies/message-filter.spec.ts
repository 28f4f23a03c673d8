import fc from 'fast-check';
import { areApart, type MessageFilter, takes, takesEverything } from './message-filter.js';

const filter = (types?: readonly string[], headers?: Record<string, string>): MessageFilter => ({
  types,
  headers,
});
const took = (
  given: MessageFilter,
  type: string | undefined,
  headers: Record<string, string> = {},
): boolean => takes(given, { type, headers: () => headers });

describe('a filter of messages', () => {
  it('takes by type, by headers, by both, or everything', () => {
    expect(took(filter(), undefined)).toBe(true);
    expect(took(filter(['a', 'b']), 'b')).toBe(true);
    expect(took(filter(['a', 'b']), 'c')).toBe(false);
    expect(took(filter(['a']), undefined)).toBe(false);
    expect(took(filter(undefined, { tier: 'gold' }), 'x', { tier: 'gold', more: '1' })).toBe(true);
    expect(took(filter(undefined, { tier: 'gold' }), 'x', { tier: 'tin' })).toBe(false);
    expect(took(filter(['a'], { tier: 'gold' }), 'a')).toBe(false);
    expect([takesEverything(filter()), takesEverything(filter(['a']))]).toEqual([true, false]);
  });

  it('asks for no headers when it looks at none', () => {
    const never = (): never => {
      throw new RangeError('asked');
    };
    expect(takes(filter(['a']), { type: 'a', headers: never })).toBe(true);
    expect(takes(filter(['a'], { tier: 'gold' }), { type: 'b', headers: never })).toBe(false);
  });

  const types = fc.option(fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1 }), {
    nil: undefined,
  });
  const values = fc.constantFrom('1', '2');
  const headers = fc.dictionary(fc.constantFrom('x', 'y'), values);
  const filters = fc.record({ types, headers: fc.option(headers, { nil: undefined }) });

  it('is apart from another one exactly when no message is taken by both', () => {
    const all = ['a', 'b', 'c', 'd'].flatMap((type) =>
      ['1', '2', undefined].flatMap((x) => ['1', '2', undefined].map((y) => ({ type, x, y }))),
    );
    fc.assert(
      fc.property(filters, filters, (one, other) => {
        const common = all.some(({ type, x, y }) => {
          const sent = Object.fromEntries(
            Object.entries({ x, y }).filter(([, value]) => value !== undefined),
          );
          const given = { type, headers: () => sent as Record<string, string> };
          return takes(one, given) && takes(other, given);
        });
        expect(areApart(one, other)).toBe(!common);
      }),
    );
  });
});
