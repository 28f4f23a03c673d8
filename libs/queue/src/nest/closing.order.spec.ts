import { closingOrder } from './closing.order.js';

const backend = (name: string, leaning: { readonly store?: string; readonly delays?: string } = {}) => ({
  name,
  driver: 'memory' as const,
  ...leaning,
});

describe('closingOrder', () => {
  it('closes what others lean on after them', () => {
    const backends = [
      backend('c'),
      backend('b', { store: 'c' }),
      backend('a', { delays: 'b' }),
      backend('d'),
    ];
    expect(closingOrder(backends)).toEqual([['a', 'd'], ['b'], ['c']]);
  });

  it('closes two that lean on each other together', () => {
    const backends = [
      backend('a', { delays: 'b' }),
      backend('b', { store: 'a' }),
      backend('c', { store: 'a' }),
    ];
    expect(closingOrder(backends)).toEqual([['c'], ['a', 'b']]);
  });
});
