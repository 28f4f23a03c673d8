import { Buffer } from 'node:buffer';
import {
  InvalidDurationError,
  InvalidHeaderError,
  InvalidNameError,
  PayloadTooLargeError,
  type PublishOptions,
  SerializeError,
  UnroutableError,
} from '@pigeonpost/queue';
import { FIXTURES, Office } from './office.js';

// What an application can get wrong when it publishes: refused by type before anything is sent.
//  6 size · 10 headers · 11 names · 12 what cannot be written · 13 what would not come back · 14 what comes back as
//  something documented · 15 changes after the fact · 16 delays.   7 does not apply: nothing is ever compressed.

const MB = 1024 * 1024;
const fail = (): never => {
  throw new RangeError('no');
};
const loop: { self?: unknown } = {};
loop.self = loop;

/** Row, what, and where in the payload. */
const UNSENDABLE: readonly (readonly [string, unknown, string])[] = [
  ['12 nothing', undefined, '$'],
  ['12 a function', () => 1, '$'],
  ['12 a symbol', Symbol('s'), '$'],
  ['12 a BigInt', { list: [0, 1n] }, '$.list[1]'],
  ['12 a cycle', loop, '$.self'],
  ['12 a getter that throws', Object.defineProperty({}, 'a', { enumerable: true, get: fail }), '$.a'],
  ['12 a proxy that throws', { a: new Proxy({}, { ownKeys: fail }) }, '$.a'],
  ['12 a toJSON that throws', { a: { toJSON: fail } }, '$.a'],
  ['12 a toJSON that promises', { a: { toJSON: () => Promise.resolve(1) } }, '$.a'],
  ['13 NaN', { a: NaN }, '$.a'],
  ['13 Infinity', { a: [-Infinity] }, '$.a[0]'],
  ['13 an invalid Date', { at: new Date(NaN) }, '$.at'],
  ['13 a Map', { a: new Map([['b', 1]]) }, '$.a'],
  ['13 a Set', { a: new Set([1]) }, '$.a'],
  ['13 bytes inside an object', { a: new Uint8Array(1) }, '$.a'],
  ['13 a Buffer inside an object', { a: Buffer.from('x') }, '$.a'],
  ['13 an undefined element', [undefined], '$[0]'],
];

describe.each(FIXTURES)('on %s a publish', (_name, fixture) => {
  let office: Office;
  beforeEach(async () => {
    office = await Office.open(fixture);
  });
  afterEach(() => office.close());

  async function expectNothingSent(): Promise<void> {
    expect(await office.bus.depth('work')).toMatchObject([{ ready: 0, delayed: 0, inflight: 0, dead: 0 }]);
    expect(office.handled).toEqual([]);
  }

  const publish = (options: object, topic = 'orders') =>
    office.bus.publish(topic, 1, options as PublishOptions);

  it.each(UNSENDABLE)('refuses %s, and says where it is', async (_what, data, path) => {
    const error: unknown = await office.bus.publish('orders', data).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(SerializeError);
    expect((error as SerializeError).path.startsWith(path)).toBe(true);
    await expectNothingSent();
    await office.nextIsHandled();
  });

  it('12 of a bad message among good ones leaves the good ones alone', async () => {
    const results = await Promise.allSettled([
      office.bus.publish('orders', 'a', { id: 'a' }),
      office.bus.publish('orders', 1n),
      office.bus.publish('nowhere', 'x'),
      office.bus.publish('orders', 'b', { id: 'b' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'serialize_error' } });
    expect(results[2]).toMatchObject({ reason: { code: 'unroutable' } });
    await office.until(() => office.handled.length === 2);
  });

  it('13 takes -0 and undefined members, which read the same when they arrive', async () => {
    await office.bus.publish('orders', { zero: -0, absent: undefined }, { id: 'a' });
    const { data } = await office.untilHandled('a');
    expect(data).toEqual({ zero: 0 });
    expect((data as { zero: number }).zero).toBe(0);
    expect((data as { absent?: unknown }).absent).toBeUndefined();
  });

  it.each([null, 'x', '', 7, true, '\ud800', [], {}])(
    '1 takes %p, which is a payload like any other',
    async (data) => {
      await office.bus.publish('orders', data, { id: 'a' });
      expect((await office.untilHandled('a')).data).toEqual(data);
    },
  );

  it('13 brings bytes back as bytes', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await office.bus.publish('orders', Buffer.from(bytes), { id: 'a' });
    expect((await office.untilHandled('a')).data).toEqual(bytes);
  });

  it('14 brings a Date back as text, and an object as what its toJSON says', async () => {
    class Money {
      constructor(private readonly cents: number) {}
      toJSON(): string {
        return (this.cents / 100).toFixed(2);
      }
    }
    class Order {
      readonly at = new Date(0);
      constructor(readonly total: Money) {}
      get late(): boolean {
        return true;
      }
    }
    await office.bus.publish('orders', new Order(new Money(1_050)), { id: 'a' });
    expect((await office.untilHandled('a')).data).toEqual({ at: '1970-01-01T00:00:00.000Z', total: '10.50' });
  });

  it('6 refuses what is larger than the backend takes, and 256 MB of it, too', async () => {
    const { maxBytes } = office.backend.capabilities;
    await expect(office.bus.publishRaw('orders', Buffer.alloc(maxBytes + 1))).rejects.toThrow(
      PayloadTooLargeError,
    );
    await expect(office.bus.publishRaw('orders', 'é'.repeat(maxBytes / 2 + 1))).rejects.toThrow(
      PayloadTooLargeError,
    );
    await expect(office.bus.publish('orders', 'x'.repeat(maxBytes))).rejects.toThrow(PayloadTooLargeError);
    await expect(office.bus.publishRaw('orders', Buffer.alloc(256 * MB))).rejects.toThrow(
      PayloadTooLargeError,
    );
    await expectNothingSent();
    await office.nextIsHandled();
  });

  it.each<[string, Record<string, unknown>]>([
    ['ten thousand of them', Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`h${at}`, 'v']))],
    ['one of a megabyte', { large: 'x'.repeat(MB) }],
    ['a line break in a value', { a: 'b\r\nc: d' }],
    ['a line break in a name', { 'a\r\nb': 'c' }],
    ['a control character', { a: '\u001b[2J' }],
    ['a name that is not ASCII', { größe: '1' }],
    ['an empty name', { '': 'a' }],
    ['a reserved name', { 'pp-attempt': '0' }],
    ['a reserved name in capitals', { 'PP-Attempt': '0' }],
    ['a number', { a: 1 }],
    ['half a surrogate pair', { a: '\ud800' }],
  ])('10 refuses headers: %s', async (_what, headers) => {
    await expect(publish({ headers })).rejects.toThrow(InvalidHeaderError);
    await expect(office.bus.publishRaw('orders', 'x', { headers } as never)).rejects.toThrow(
      InvalidHeaderError,
    );
    await expectNothingSent();
  });

  const NAMES = [
    '',
    'x'.repeat(256),
    'a/b',
    '../x',
    'a b',
    'a\u0000',
    '%41',
    `'";--`,
    '$(x)',
    '{a}{b}',
    ':',
    '*',
    '#',
    '>',
  ];

  /** Topics to listen to, although none of that name can be published to. */
  const PATTERNS = ['*', '#'];

  it.each([...NAMES, '__proto__', 'é', 'e\u0301', 'a\nb'])(
    '11 refuses the name %p everywhere',
    async (name) => {
      await expect(publish({}, name)).rejects.toThrow(InvalidNameError);
      await expect(office.bus.publishRaw(name, 'x')).rejects.toThrow(InvalidNameError);
      expect(() => office.bus.deadLetters(name)).toThrow(InvalidNameError);
      const ensured = office.backend.ensure({ subscriptions: [{ name, topics: ['orders'] }] }, 'create');
      await expect(ensured).rejects.toThrow(InvalidNameError);
      const listened = office.backend.ensure({ subscriptions: [{ name: 'fine', topics: [name] }] }, 'create');
      if (!PATTERNS.includes(name)) await expect(listened).rejects.toThrow(InvalidNameError);
      else await listened;
      await expectNothingSent();
    },
  );

  it('11 keeps names apart that differ in case only, or that mean something to JavaScript', async () => {
    const names = ['Orders', 'ORDERS', 'constructor', 'toString', 'hasOwnProperty'];
    for (const topic of names) await expect(publish({}, topic)).rejects.toThrow(UnroutableError);
    await office.backend.ensure({ subscriptions: names.map((name) => ({ name, topics: [name] })) }, 'create');
    for (const topic of names) expect(await publish({}, topic)).toMatchObject({ copies: 1 });
    const depths = await office.bus.depth();
    expect(
      depths
        .filter(({ ready }) => ready === 1)
        .map(({ subscription }) => subscription)
        .toSorted(),
    ).toEqual(names.toSorted());
  });

  it.each(['', 'x'.repeat(129), 'a b', '../../etc/passwd', `1' OR '1'='1`, 'a\r\nb', 7])(
    '8 refuses the id %p',
    async (id) => {
      await expect(publish({ id })).rejects.toThrow(InvalidNameError);
      await expectNothingSent();
    },
  );

  it.each([-1, NaN, Infinity, -Infinity, '5', '5 s', 1e15, null, {}, new Date(NaN)])(
    '16 refuses the delay %p',
    async (delay) => {
      await expect(publish({ delay })).rejects.toThrow(InvalidDurationError);
      await expect(office.bus.publishRaw('orders', 'x', { delay } as never)).rejects.toThrow(
        InvalidDurationError,
      );
      await expectNothingSent();
    },
  );

  it('16 takes a date in the past, and no delay at all, as now', async () => {
    await publish({ delay: new Date(0), id: 'past' });
    await publish({ delay: 0, id: 'now' });
    await publish({ delay: '0s', id: 'text' });
    await office.until(() => office.handled.length === 3);
  });

  it('16 delivers once, and not before its time, whatever the length', async () => {
    const { clock } = office.world.time;
    const from = clock.mono();
    const longest = [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, '3650d'] as const;
    for (const delay of longest) await publish({ delay });
    await publish({ delay: 150, id: 'short' });
    await publish({ delay: 2.5, id: 'fraction' });
    await office.untilHandled('short');
    expect(clock.mono() - from).toBeGreaterThanOrEqual(150);
    await office.world.time.pass(50);
    expect(office.handled.map(({ id }) => id)).toEqual(['fraction', 'short']);
    expect(await office.bus.depth('work')).toMatchObject([{ delayed: longest.length, ready: 0 }]);
  });
});

describe.each(FIXTURES)('on %s what is published', (_name, fixture) => {
  let office: Office;
  afterEach(() => office.close());

  /** Changes whatever it is given, and fails. */
  const spoil = (data: unknown): never => {
    if (data instanceof Uint8Array) data.fill(0);
    else if (Array.isArray(data)) data.push('spoiled');
    else if (typeof data === 'object' && data !== null) Object.assign(data, { spoiled: true });
    throw new RangeError('no');
  };

  it.each<[string, () => unknown, (data: never) => void]>([
    ['an object', () => ({ total: 5 }), (data: { total: number }) => void (data.total = 0)],
    ['a list', () => [1, [2]], (data: [number, number[]]) => void data[1].push(3)],
    ['bytes', () => new Uint8Array([1, 2]), (data: Uint8Array) => void data.fill(9)],
    ['a Buffer', () => Buffer.from([1, 2]), (data: Buffer) => void data.fill(9)],
  ])('15 is %s as it was then, at every attempt and in the dead letter', async (_what, make, change) => {
    const seen: unknown[] = [];
    const handle = (data: unknown): void => {
      seen.push(structuredClone(data));
      spoil(data);
    };
    office = await Office.open(fixture, { handle });
    const data = make();
    const publishing = office.bus.publish('orders', data, { id: 'a' });
    change(data as never);
    await publishing;
    const [letter] = await office.dead(1);
    const plain = (value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);
    expect(seen.map(plain)).toEqual([plain(make()), plain(make())]);
    const { data: kept, data_base64: bytes } = JSON.parse(String(letter?.body)) as Record<string, string>;
    expect(bytes === undefined ? kept : [...Buffer.from(bytes, 'base64')]).toEqual(plain(make()));
  });

  it('15 raw is the bytes as they were then', async () => {
    office = await Office.open(fixture, { handle: spoil, policies: { raw: true } });
    const body = Buffer.from([1, 2, 3]);
    const publishing = office.bus.publishRaw('orders', body, { id: 'a' });
    body.fill(9);
    await publishing;
    const [letter] = await office.dead(1);
    expect([...Buffer.from(letter?.body as Uint8Array)]).toEqual([1, 2, 3]);
  });

  it('15 cannot be changed through the event of a text either', async () => {
    office = await Office.open(fixture, {
      handle: () => Promise.reject(new RangeError('no')),
      policies: {
        validate: (data) => `${String(data)}!`,
      },
    });
    await office.bus.publish('orders', 'hello', { id: 'a' });
    const [letter] = await office.dead(1);
    expect(office.handled.map(({ data }) => data)).toEqual(['hello!', 'hello!']);
    expect((JSON.parse(String(letter?.body)) as { data: unknown }).data).toBe('hello');
  });
});
