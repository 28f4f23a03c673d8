import { UuidV7Ids } from '../ambient/ids.js';
import { enterHandling } from '../interceptors/current.js';
import { handling } from '../interceptors/handling.fixture.js';
import { decodeEvent } from '../message/envelope.js';
import type { DomainEvent } from '../message/event.js';
import { InvalidHeaderError } from '../message/headers.js';
import { SerializeError } from '../message/json.js';
import { InvalidNameError } from '../message/names.js';
import { InvalidDurationError } from '../policies/duration.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import type { PublishOptions } from './publish-options.js';
import { Sealer } from './sealer.js';

const clock = new VirtualClock(Date.UTC(2030, 0, 1));
const sealer = new Sealer({ source: 'urn:service:shop', ambient: testAmbient(clock) });

const eventOf = (data: unknown, given?: PublishOptions): DomainEvent =>
  decodeEvent(sealer.seal('orders', data, given).body);

afterEach(() => enterHandling(undefined));

describe('an event that is sealed', () => {
  it('gets everything it was not given', () => {
    const { event_id, ...rest } = eventOf({ total: 5 });
    expect(event_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(rest).toEqual({
      event_type: 'orders',
      aggregate_id: undefined,
      data: { total: 5 },
      source: 'urn:service:shop',
      timestamp: '2030-01-01T00:00:00.000Z',
      schema_version: '1',
      correlation_id: event_id,
      idempotency_key: event_id,
      causation_id: undefined,
      tenant: undefined,
      traceparent: undefined,
    });
  });

  it('keeps everything it was given', () => {
    const given = {
      id: 'e-1',
      key: 'order-1',
      type: 'order.placed',
      aggregateId: 'agg-1',
      idempotencyKey: 'i-1',
      correlationId: 'c-1',
      causationId: 'e-0',
      tenant: 'acme',
      traceparent: '00-x',
      schemaVersion: '2',
      timestamp: new Date(0),
      headers: { a: 'b' },
      delay: '5s',
      ttl: 7,
      priority: 4,
    } as const;
    const sealed = sealer.seal('orders', null, given);
    expect(sealed).toMatchObject({ id: 'e-1', topic: 'orders', key: 'order-1', delayMs: 5_000, ttlMs: 7 });
    expect(sealed.priority).toBe(4);
    expect({ ...sealed.headers }).toEqual({ a: 'b' });
    expect(decodeEvent(sealed.body)).toEqual({
      event_type: 'order.placed',
      aggregate_id: 'agg-1',
      data: null,
      event_id: 'e-1',
      source: 'urn:service:shop',
      timestamp: '1970-01-01T00:00:00.000Z',
      schema_version: '2',
      correlation_id: 'c-1',
      idempotency_key: 'i-1',
      causation_id: 'e-0',
      tenant: 'acme',
      traceparent: '00-x',
    });
    expect(eventOf(null, { key: 'order-2' }).aggregate_id).toBe('order-2');
  });

  it('belongs to the conversation of the message being handled, unless it says otherwise', () => {
    const current = handling();
    current.event = {
      event_id: 'e-0',
      correlation_id: 'c-0',
      tenant: 'acme',
      traceparent: '00-x',
    } as DomainEvent;
    enterHandling(current);
    expect(eventOf(1)).toMatchObject({
      correlation_id: 'c-0',
      causation_id: 'e-0',
      tenant: 'acme',
      traceparent: '00-x',
    });
    expect(eventOf(1, { correlationId: 'c-1', causationId: 'e-9', tenant: 'other' })).toMatchObject({
      correlation_id: 'c-1',
      causation_id: 'e-9',
      tenant: 'other',
    });
  });

  it('begins a conversation when a raw message is being handled', () => {
    enterHandling(handling());
    const { event_id, correlation_id, causation_id } = eventOf(1);
    expect([correlation_id, causation_id]).toEqual([event_id, undefined]);
  });

  it('says what time it is now', async () => {
    const before = eventOf(1).timestamp;
    await clock.advance(1);
    expect(Date.parse(eventOf(1).timestamp) - Date.parse(before)).toBe(1);
  });
});

describe('a payload', () => {
  it('is captured when it is published', () => {
    const data = { list: [1] };
    const bytes = Buffer.from('abc');
    const headers = { a: '1' };
    const sealed = sealer.seal('orders', data, { headers });
    const binary = sealer.seal('orders', bytes);
    const raw = sealer.sealRaw('orders', bytes, {});
    data.list.push(2);
    bytes[0] = 0;
    headers.a = '2';
    expect(decodeEvent(sealed.body).data).toEqual({ list: [1] });
    expect(sealed.headers['a']).toBe('1');
    expect(decodeEvent(binary.body).data).toEqual(new Uint8Array([97, 98, 99]));
    expect(raw.body).toEqual(new Uint8Array([97, 98, 99]));
  });

  it.each(['text', 7, true, null])('that nobody can change may be handed on as it is: %p', (data) => {
    const sealed = sealer.seal('orders', data);
    expect(sealed.event).toMatchObject({ data });
    expect(Object.isFrozen(sealed.event)).toBe(data !== null || sealed.event !== undefined);
    expect(decodeEvent(sealed.body)).toEqual(sealed.event);
    expect(sealed.body).toBe(sealed.body);
  });

  it('that its owner can change is not handed on', () => {
    for (const data of [{}, [], new Uint8Array(1)]) expect(sealer.seal('orders', data).event).toBeUndefined();
  });

  it.each([undefined, 1n, NaN, Symbol('s'), () => 1, { a: new Map() }, { a: new Date(NaN) }])(
    'that would not arrive is refused: %p',
    (data) => {
      expect(() => sealer.seal('orders', data)).toThrow(SerializeError);
    },
  );

  it('that changes between the check and the writing is refused', () => {
    let reads = 0;
    const moody = Object.defineProperty({}, 'a', { enumerable: true, get: () => (reads++ === 0 ? 1 : 1n) });
    expect(() => sealer.seal('orders', moody)).toThrow(/changes while it is read/);
  });
});

describe('options', () => {
  const publish = (given: object) => () => sealer.seal('orders', 1, given);

  it.each([
    'key',
    'type',
    'aggregateId',
    'idempotencyKey',
    'correlationId',
    'causationId',
    'tenant',
    'traceparent',
    'schemaVersion',
  ])('refuse a %s that would not arrive', (option) => {
    for (const value of ['', 'x'.repeat(257), 'a\r\nb', '\ud800', 7, null, {}]) {
      expect(publish({ [option]: value })).toThrow(InvalidNameError);
    }
    expect(publish({ [option]: 'Straße 1/2 😀' })).not.toThrow();
  });

  it.each(['', 'a b', '../x', 'x'.repeat(129), 7, null])('refuse the id %p', (id) => {
    expect(publish({ id })).toThrow(InvalidNameError);
    expect(() => sealer.sealRaw('orders', '', { id } as never)).toThrow(InvalidNameError);
  });

  it.each(['', 'a/b', '*', '__proto__', undefined])('refuse the topic %p', (topic) => {
    expect(() => sealer.seal(topic as string, 1)).toThrow(InvalidNameError);
    expect(() => sealer.sealRaw(topic as string, '', {})).toThrow(InvalidNameError);
  });

  it.each([-1, NaN, Infinity, '5', 1e15, null, new Date(NaN), new Date(8.64e15)])(
    'refuse the delay %p',
    (delay) => {
      expect(publish({ delay })).toThrow(InvalidDurationError);
    },
  );

  it('take a delay as a length or as a date, and a date in the past as now', () => {
    const delayOf = (delay: PublishOptions['delay']) =>
      sealer.seal('orders', 1, { delay: delay as number }).delayMs;
    expect(delayOf(2 ** 31)).toBe(2 ** 31);
    expect(delayOf('2h')).toBe(7_200_000);
    expect(delayOf(new Date(clock.now() + 90))).toBe(90);
    expect(delayOf(new Date(0))).toBe(0);
  });

  it.each([-1, NaN, '1', Infinity])('refuse the ttl %p', (ttl) => {
    expect(publish({ ttl })).toThrow(InvalidDurationError);
  });

  it.each([new Date(NaN), 'yesterday', 0])('refuse the timestamp %p', (timestamp) => {
    expect(publish({ timestamp })).toThrow(SerializeError);
  });

  it.each([{ 'pp-x': 'a' }, { a: 'b\r\nc' }, { a: 1 }])('refuse the headers %p', (headers) => {
    expect(publish({ headers })).toThrow(InvalidHeaderError);
    expect(() => sealer.sealRaw('orders', '', { headers } as never)).toThrow(InvalidHeaderError);
  });
});

describe('a raw message', () => {
  it('goes out as it is', () => {
    expect(sealer.sealRaw('orders', 'text', { id: 'r-1', key: 'k' })).toMatchObject({
      id: 'r-1',
      topic: 'orders',
      key: 'k',
      body: 'text',
      event: undefined,
    });
    expect(sealer.sealRaw('orders', '', {}).id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([undefined, null, 7, {}, [1], new Uint16Array(1), 'half \ud800'])(
    'must be bytes or text: %p',
    (body) => {
      expect(() => sealer.sealRaw('orders', body as string, {})).toThrow(SerializeError);
    },
  );
});

it('a source that would not arrive is refused at once', () => {
  const ambient = { ...testAmbient(clock), ids: new UuidV7Ids({ next: () => 0 }) };
  for (const source of ['', 'a\nb', 'x'.repeat(257)]) {
    expect(() => new Sealer({ source, ambient })).toThrow(InvalidNameError);
  }
});
