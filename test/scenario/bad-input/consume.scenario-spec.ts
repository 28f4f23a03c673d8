import { around, bytesOf, envelope, FIXTURES, Office } from './office.js';

// What producers that follow no rule can put on a broker. Row numbers are those of the bad-input matrix:
//  1 malformed JSON · 2 invalid UTF-8 · 3 marks, NUL, surrogates · 4 prototype keys · 5 depth · 6 size · 8 envelope
//  9 foreign messages · 10 forged headers.   7 (decompression bombs) does not apply: nothing is ever decompressed.

const MB = 1024 * 1024;
const closed = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const objects = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);
const invalid = (before: string, ...bytes: number[]): Uint8Array =>
  Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from('"}}')]);

type Bad = readonly [what: string, reason: string, body: string | Uint8Array];

const UNREADABLE: readonly Bad[] = [
  ['1 nothing at all', 'decode_error', ''],
  ['1 no bytes at all', 'decode_error', new Uint8Array(0)],
  ['1 a truncated envelope', 'decode_error', envelope().slice(0, -5)],
  ['1 trailing garbage', 'decode_error', `${envelope()}}`],
  ['1 no JSON', 'decode_error', 'hello'],
  ['1 a lone null', 'not_an_event', 'null'],
  ['1 a lone text', 'not_an_event', '"x"'],
  ['1 a lone number', 'not_an_event', '7'],
  ['2 a byte that no UTF-8 has', 'decode_error', invalid(around('{"a":"').slice(0, -1), 0xff)],
  ['2 an overlong form', 'decode_error', invalid(around('{"a":"').slice(0, -1), 0xc0, 0xaf)],
  ['2 an encoded surrogate', 'decode_error', invalid(around('{"a":"').slice(0, -1), 0xed, 0xa0, 0x80)],
  ['3 a NUL between the tokens', 'decode_error', around('1\u0000')],
  ['3 two byte order marks', 'decode_error', `\ufeff\ufeff${envelope()}`],
  ['4 an envelope under __proto__', 'not_an_event', `{"__proto__":${envelope()}}`],
  ['5 257 levels', 'decode_error', around(closed(256))],
  ['5 2 000 levels', 'decode_error', around(objects(2_000))],
  ['5 6 000 levels', 'decode_error', around(closed(6_000))],
  ['5 200 000 levels', 'decode_error', around(closed(200_000))],
  ['5 200 000 levels of objects', 'decode_error', around(objects(200_000))],
  ['5 200 000 levels that never close', 'decode_error', '['.repeat(200_000)],
  ['6 1 MB of text', 'decode_error', 'x'.repeat(MB)],
  ['6 10 MB of bytes', 'decode_error', Buffer.alloc(10 * MB, 0xfe)],
  ['6 10 MB of JSON that is no event', 'not_an_event', JSON.stringify({ a: 'x'.repeat(10 * MB) })],
  ['8 a version of the future', 'decode_error', envelope({ envelope: 2 })],
  ['8 a version that is a text', 'decode_error', envelope({ envelope: '1' })],
  ['8 no id', 'decode_error', envelope({ event_id: undefined })],
  ['8 an id that is a number', 'decode_error', envelope({ event_id: 7 })],
  ['8 an id of 10 MB', 'decode_error', envelope({ event_id: 'x'.repeat(10 * MB) })],
  ['8 an id that is a path', 'decode_error', envelope({ event_id: '../../etc/passwd' })],
  ['8 an id that is SQL', 'decode_error', envelope({ event_id: `'; DROP TABLE messages;--` })],
  ['8 no type', 'decode_error', envelope({ event_type: undefined })],
  ['8 no time', 'decode_error', envelope({ timestamp: undefined })],
  ['8 a time that is none', 'decode_error', envelope({ timestamp: 'yesterday' })],
  ['8 no data', 'decode_error', envelope({ data: undefined })],
  ['8 data that is no base64', 'decode_error', envelope({ data: undefined, data_base64: '!!' })],
  ['8 a correlation id of 10 MB', 'decode_error', envelope({ correlation_id: 'x'.repeat(10 * MB) })],
  ['8 a tenant that is a list', 'decode_error', envelope({ tenant: ['acme'] })],
  ['9 a message of another library', 'not_an_event', '{"pattern":"orders","data":{"total":5}}'],
  ['9 an empty object', 'not_an_event', '{}'],
  ['9 a list of envelopes', 'not_an_event', `[${envelope()}]`],
];

describe.each(FIXTURES)('on %s a consumer', (_name, fixture) => {
  let office: Office;
  afterEach(() => office.close());

  it.each(UNREADABLE)('sets aside, unchanged, %s (%s)', async (_what, reason, body) => {
    office = await Office.open(fixture);
    const headers = Object.freeze({ tenant: 'acme', 'x-odd': 'ä' });
    expect(await office.foreign(body, { headers })).toMatchObject({ status: 'stored' });
    await office.nextIsHandled();
    const [letter, ...more] = await office.dead(1);
    expect(more).toEqual([]);
    expect(letter?.failures.map((failure) => failure.reason)).toEqual([reason]);
    expect(bytesOf(letter?.body ?? '').equals(bytesOf(body))).toBe(true);
    expect({ ...letter?.headers }).toEqual({ tenant: 'acme', 'x-odd': 'ä' });
    expect(office.handled.map(({ id }) => id)).toEqual(['good-1']);
  });

  it('gives bytes back unchanged when they are replayed, as often as that is', async () => {
    office = await Office.open(fixture);
    const body = Buffer.from([0xff, 0, 0x7b]);
    await office.foreign(body);
    for (let round = 1; round <= 2; round++) {
      const [letter] = await office.dead(1, round);
      expect(bytesOf(letter?.body ?? '').equals(body)).toBe(true);
      await office.bus.deadLetters('work').replay('bad');
    }
    await office.dead(1, 3);
  });

  it.each<[string, string | Uint8Array, unknown]>([
    ['3 after a byte order mark', `\ufeff${envelope()}`, { total: 5 }],
    ['3 after a byte order mark in bytes', Buffer.from(`\ufeff${envelope()}`), { total: 5 }],
    ['3 with an escaped NUL', around(String.raw`"a\u0000b"`), 'a\u0000b'],
    ['3 with half a surrogate pair', around(String.raw`"\ud800"`), '\ud800'],
    ['5 with 255 levels', around(closed(255)), JSON.parse(closed(255))],
    ['5 with brackets inside a text', around(JSON.stringify('['.repeat(100_000))), '['.repeat(100_000)],
    ['6 of 10 MB', around(JSON.stringify('x'.repeat(10 * MB))), 'x'.repeat(10 * MB)],
    ['8 with members nobody knows', envelope({ color: 'red' }), { total: 5 }],
    ['8 with members twice, of which the last counts', around('1,"data":2'), 2],
  ])('handles a message %s', async (_what, body, data) => {
    office = await Office.open(fixture);
    await office.foreign(body, { id: 'odd' });
    expect((await office.untilHandled('odd')).data).toEqual(data);
  });

  it('4 keeps prototype keys as data, and lets them change nothing', async () => {
    office = await Office.open(fixture);
    const data = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"prototype":3}';
    const headers = Object.assign(Object.create(null) as Record<string, string>, { constructor: 'a' });
    headers['__proto__'] = 'b';
    await office.foreign(around(data), { id: 'odd', headers });
    const handled = await office.untilHandled('odd');
    expect(JSON.stringify(handled.data)).toBe(data);
    expect(new Map(Object.entries(handled.headers))).toEqual(
      new Map([
        ['constructor', 'a'],
        ['__proto__', 'b'],
      ]),
    );
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect((handled.data as { polluted?: number }).polluted).toBeUndefined();
  });

  it('6 takes ten thousand headers, and one of a megabyte', async () => {
    office = await Office.open(fixture);
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`h-${at}`, 'v']));
    await office.foreign(envelope(), { id: 'odd', headers: { ...many, large: 'x'.repeat(MB) } });
    const { headers } = await office.untilHandled('odd');
    expect(Object.keys(headers)).toHaveLength(10_001);
    expect(headers['large']).toHaveLength(MB);
    await office.nextIsHandled();
  });

  it('8 handles both of two messages that have one id', async () => {
    office = await Office.open(fixture);
    await office.foreign(around('1'), { id: 'twin' });
    await office.foreign(around('2'), { id: 'twin' });
    await office.until(() => office.handled.length === 2);
    expect(office.handled.map(({ data }) => data)).toEqual([1, 2]);
  });

  it.each<[string, string | Uint8Array]>([
    ['no bytes: a tombstone', new Uint8Array(0)],
    ['an empty text', ''],
    ['bytes of any kind', Uint8Array.from({ length: 256 }, (_, byte) => byte)],
    ['a text with a NUL', 'a\u0000b'],
    ['an envelope', envelope()],
    ['200 000 levels', closed(200_000)],
  ])('9 hands a handler that asks for raw messages %s', async (_what, body) => {
    office = await Office.open(fixture, { policies: { raw: true } });
    await office.foreign(body, { id: 'raw' });
    const { data } = await office.untilHandled('raw');
    expect(data).toBeInstanceOf(Uint8Array);
    expect(bytesOf(data as Uint8Array).equals(bytesOf(body))).toBe(true);
  });

  it('10 believes no header about attempts, and shows no handler the reserved ones', async () => {
    office = await Office.open(fixture, {
      handle: (_data, id) => (id === 'bad' ? Promise.reject(new RangeError('no')) : undefined),
    });
    const forged = {
      'pp-attempt': '99',
      'pp-replay-count': 'many',
      'PP-Crashes': '9',
      'x-death': '[{"count":99}]',
      'x-line': 'a\r\nb: c',
    };
    await office.foreign(envelope(), { headers: forged });
    const [letter] = await office.dead(1);
    expect(office.handled.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect({ ...office.handled[0]?.headers }).toEqual({ 'x-death': '[{"count":99}]', 'x-line': 'a\r\nb: c' });
    expect(letter).toMatchObject({ attempts: 2, crashes: 0 });
    expect({ ...letter?.headers }).toEqual(forged);
  });

  it('stays alive under everything at once, and handles what is sound among it', async () => {
    office = await Office.open(fixture);
    for (const [at, [, , body]] of UNREADABLE.entries()) {
      await office.foreign(body, { id: `bad-${at}` });
      if (at % 5 === 0) await office.nextIsHandled();
    }
    await office.nextIsHandled();
    expect(await office.dead(UNREADABLE.length)).toHaveLength(UNREADABLE.length);
  });
});
