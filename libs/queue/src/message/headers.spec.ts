import fc from 'fast-check';
import {
  checkHeaders,
  emptyHeaders,
  HEADER_LIMITS,
  InvalidHeaderError,
  NO_HEADERS,
  withHeaders,
} from './headers.js';

const refuse = (given: Record<string, unknown>) => () => checkHeaders(given);

describe('checkHeaders', () => {
  it('answers with one shared object when there are none', () => {
    expect(checkHeaders(undefined)).toBe(NO_HEADERS);
    expect(checkHeaders({})).toBe(NO_HEADERS);
  });

  it('copies, freezes and keeps no prototype', () => {
    const given = { tenant: 'a', 'X-Trace.1_b': 'ü 😀' };
    const headers = checkHeaders(given);
    given.tenant = 'changed';
    expect({ ...headers }).toEqual({ tenant: 'a', 'X-Trace.1_b': 'ü 😀' });
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.isFrozen(headers)).toBe(true);
  });

  it.each(['', 'a b', 'a:b', 'a\r\nb', 'ä', '__proto__', '-a', 'x'.repeat(129)])(
    'refuses the name %p',
    (name) => {
      expect(refuse(Object.fromEntries([[name, 'v']]))).toThrow(InvalidHeaderError);
    },
  );

  it.each(['pp-attempt', 'PP-Replay-Count', 'pp-'])('refuses the reserved name %p', (name) => {
    expect(refuse({ [name]: 'v' })).toThrow(/reserved/);
  });

  it.each(['a\r\nb', 'a\u0000', '\u001b[31m', '\u007f', '\u0085', '\u009b', '\ud800', 'a\udc00b'])(
    'refuses the value %p',
    (value) => {
      expect(refuse({ a: value })).toThrow(InvalidHeaderError);
    },
  );

  it.each([1, null, undefined, true, ['a'], { a: 'b' }, Buffer.from('a')])(
    'refuses the value %p',
    (value) => {
      expect(refuse({ a: value })).toThrow(/must be a string/);
    },
  );

  it('takes as many and as much as its limits say, and no more', () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`h${at}`, 'v']));
    const bytes = (total: number) => ({ a: 'x'.repeat(total - 1) });
    expect(Object.keys(checkHeaders(many(HEADER_LIMITS.count)))).toHaveLength(HEADER_LIMITS.count);
    expect(refuse(many(HEADER_LIMITS.count + 1))).toThrow(/129 headers/);
    expect(checkHeaders(bytes(HEADER_LIMITS.totalBytes))['a']).toHaveLength(HEADER_LIMITS.totalBytes - 1);
    expect(refuse(bytes(HEADER_LIMITS.totalBytes + 1))).toThrow(/65537 bytes/);
    expect(refuse({ a: 'é'.repeat(HEADER_LIMITS.totalBytes / 2) })).toThrow(/65537 bytes/);
  });

  it('takes every text without control characters and half surrogate pairs', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !/\p{Cc}/u.test(value));
    fc.assert(fc.property(text, (value) => expect(checkHeaders({ a: value })['a']).toBe(value)));
  });
});

describe('withHeaders', () => {
  it('puts the added ones on top, and changes neither', () => {
    const base = checkHeaders({ a: '1', b: '2' });
    const added = emptyHeaders();
    added['b'] = '3';
    added['__proto__'] = 'only a key';
    const merged = withHeaders(base, added);
    expect(Object.entries(merged)).toEqual([
      ['a', '1'],
      ['b', '3'],
      ['__proto__', 'only a key'],
    ]);
    expect(Object.getPrototypeOf(merged)).toBeNull();
    expect(Object.isFrozen(merged)).toBe(true);
    expect(base['b']).toBe('2');
  });
});
