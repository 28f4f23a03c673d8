import fc from 'fast-check';
import { checkJson, DecodeError, decodeText, MAX_JSON_DEPTH, parseJson, SerializeError } from './json.js';

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function lossOf(value: unknown): SerializeError {
  try {
    checkJson(value);
  } catch (error) {
    if (error instanceof SerializeError) return error;
    throw error;
  }
  throw new NothingRefusedError(value);
}

class NothingRefusedError extends TypeError {
  constructor(value: unknown) {
    super(`expected a SerializeError for a value of type ${typeof value}`);
  }
}

describe('decodeText', () => {
  it('reads UTF-8, and tolerates one byte order mark', () => {
    expect(decodeText(Buffer.from('ü😀'))).toBe('ü😀');
    expect(decodeText(Buffer.from('\ufeff{}'))).toBe('{}');
    expect(decodeText('\ufeff{}')).toBe('{}');
    expect(decodeText('')).toBe('');
  });

  it.each([[[0xff]], [[0x7b, 0xc3, 0x28, 0x7d]], [[0xed, 0xa0, 0x80]], [[0xf0, 0x9f, 0x98]]])(
    'refuses the bytes %p instead of replacing them',
    (bytes) => {
      expect(() => decodeText(new Uint8Array(bytes))).toThrow(DecodeError);
    },
  );
});

describe('parseJson', () => {
  const ofBrackets = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  it('takes the deepest allowed nesting, and not one level more', () => {
    expect(parseJson(ofBrackets(MAX_JSON_DEPTH))).toBeInstanceOf(Array);
    expect(() => parseJson(ofBrackets(MAX_JSON_DEPTH + 1))).toThrow(/nests deeper than 256 levels/);
    expect(() => parseJson(`${'{"a":'.repeat(300)}1${'}'.repeat(300)}`)).toThrow(/nests deeper/);
  });

  it('survives what ends a parser that trusts its input', () => {
    expect(() => parseJson('['.repeat(200_000))).toThrow(DecodeError);
    expect(() => parseJson(ofBrackets(200_000))).toThrow(/nests deeper/);
  });

  it('does not count brackets inside texts, whatever is escaped there', () => {
    const text = JSON.stringify({
      a: '['.repeat(1_000),
      b: `\\"${'{'.repeat(1_000)}\\`,
      c: '"\\'.repeat(600),
    });
    expect(JSON.stringify(parseJson(text))).toBe(text);
  });

  it('counts brackets after a text that ends in an escaped backslash', () => {
    expect(() => parseJson(`["\\\\",${ofBrackets(300)}]`)).toThrow(/nests deeper/);
  });

  it('allows many brackets side by side', () => {
    const wide = Array.from({ length: 5_000 }, (_, at) => ({ at }));
    expect(parseJson(JSON.stringify(wide))).toEqual(wide);
  });

  it.each(['', '{', '{"a":1', '[1,]', '{} x', 'undefined', "{'a':1}", '\u0000', '01', 'NaN', '\ufeff{}'])(
    'refuses %p',
    (text) => {
      expect(() => parseJson(text)).toThrow(DecodeError);
    },
  );

  it.each(['null', '"x"', '7', ' [] '])('takes %p', (text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('agrees with a plain parser about every document', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 20, noUnicodeString: false }), (text) => {
        expect(parseJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps __proto__ a key like any other', () => {
    const parsed = parseJson(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    ) as object;
    expect(Object.keys(parsed)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(parsed)).toBe(Object.getPrototypeOf(JSON.parse('{}')));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('checkJson', () => {
  it.each([
    null,
    true,
    0,
    -1.5,
    '',
    '\ud800',
    [],
    {},
    [null, 'a', { b: [1] }],
    { at: new Date(0) },
    Object.create(null),
    { absent: undefined },
    { price: { toJSON: () => '1.50' } },
    { list: { toJSON: () => [1] } },
  ])('takes %p', (value) => {
    expect(() => checkJson(value)).not.toThrow();
  });

  it('takes the instance of a class for its fields', () => {
    class Money {
      constructor(readonly cents: number) {}
      get euros(): number {
        return this.cents / 100;
      }
    }
    expect(() => checkJson({ price: new Money(5) })).not.toThrow();
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, '$'],
    ['a function', () => 1, '$'],
    ['a symbol', Symbol('s'), '$'],
    ['a BigInt', { a: [1, 2n] }, '$.a[1]'],
    ['NaN', { a: NaN }, '$.a'],
    ['Infinity', [Infinity], '$[0]'],
    ['an undefined element', [1, undefined], '$[1]'],
    ['a hole', [, 1], '$[0]'], // oxlint-disable-line no-sparse-arrays -- the hole is the case
    ['a function as a member', { a: { b: () => 1 } }, '$.a.b'],
    ['an invalid Date', { a: new Date(NaN) }, '$.a'],
    ['a Map', { a: new Map([[1, 2]]) }, '$.a'],
    ['a Set', { a: new Set([1]) }, '$.a'],
    ['bytes inside', { a: new Uint8Array(2) }, '$.a'],
    ['a Buffer inside', { a: Buffer.from('x') }, '$.a'],
    ['other binary data', new Float64Array(1), '$'],
    ['an ArrayBuffer', { a: new ArrayBuffer(2) }, '$.a'],
    ['a RegExp', { a: /x/ }, '$.a'],
    ['an Error', { a: new TypeError('x') }, '$.a'],
    ['a Promise', { a: Promise.resolve(1) }, '$.a'],
    ['a boxed number', { a: Object(NaN) as unknown }, '$.a'],
    ['a boxed BigInt', { a: Object(1n) as unknown }, '$.a'],
    ['a toJSON that answers with a promise', { a: { toJSON: () => Promise.resolve(1) } }, '$.a'],
    ['a toJSON that answers with a Date', { a: { toJSON: () => new Date(0) } }, '$.a'],
    ['a toJSON that answers with nothing', { a: { toJSON: () => undefined } }, '$.a'],
    ['a key that is no word', { 'a b\n': 1n }, '$["a b\\n"]'],
  ])('names the place of %s', (_what, value, path) => {
    expect(lossOf(value).path).toBe(path);
  });

  it('names the place and keeps the cause of what throws while it is read', () => {
    const cause = new RangeError('no');
    const fail = (): never => {
      throw cause;
    };
    const getter = Object.defineProperty({}, 'b', { enumerable: true, get: fail });
    expect(lossOf({ a: getter })).toMatchObject({ path: '$.a.b', cause });
    expect(lossOf({ a: { toJSON: fail } })).toMatchObject({ path: '$.a', cause });
    expect(lossOf({ a: new Proxy({}, { ownKeys: fail }) })).toMatchObject({ path: '$.a', cause });
    expect(lossOf({ a: new Proxy({}, { get: fail }) })).toMatchObject({ path: '$.a', cause });
  });

  it('refuses what differs each time it is read', () => {
    let reads = 0;
    const moody = Object.defineProperty({}, 'a', { enumerable: true, get: () => (reads++ === 0 ? 1n : 1) });
    expect(lossOf(moody).message).toMatch(/changes while it is read/);
  });

  it('refuses what refers back to itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = { loop };
    expect(lossOf(loop).message).toMatch(/\$\.self\.loop\.self.* refers back to itself/);
    const list: unknown[] = [];
    list.push(list);
    expect(lossOf(list).message).toMatch(/refers back to itself/);
  });

  it('keeps the path short in the error', () => {
    const deep = lossOf({ ['k'.repeat(10_000)]: { x: 1n } });
    expect(deep.path.length).toBeLessThan(250);
  });

  it('leaves room for the envelope: what it lets out can be read', () => {
    const deepest = nested(MAX_JSON_DEPTH - 1);
    expect(() => checkJson(deepest)).not.toThrow();
    expect(parseJson(JSON.stringify({ data: deepest }))).toEqual({ data: deepest });
    expect(lossOf(nested(MAX_JSON_DEPTH)).message).toMatch(/nests too deeply/);
    expect(lossOf(nested(100_000)).message).toMatch(/nests too deeply/);
  });

  it('lets out only what comes back equal, and everything that does', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: false, withMap: true }), (value) => {
        let taken = true;
        try {
          checkJson(value);
        } catch {
          taken = false;
        }
        if (!taken) return;
        const back: unknown = JSON.parse(JSON.stringify(value));
        // -0 arrives as 0, which is equal; undefined members are absent.
        expect(plain(back)).toEqual(plain(value));
      }),
      { numRuns: 500 },
    );
  });
});

/** The same value on ordinary prototypes and with +0, so that only its content is compared. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') return value + 0;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([key, member]) => [key, plain(member)]));
}
