import fc from 'fast-check';
import type { Delivery } from './delivery.js';
import { decodeEvent, encodeEvent, NotAnEventError, openEnvelope } from './envelope.js';
import type { DomainEvent } from './event.js';
import { DecodeError } from './json.js';

const EVENT: DomainEvent = {
  event_type: 'order.placed',
  aggregate_id: 'order-1',
  data: { total: 5 },
  event_id: 'e-1',
  source: 'urn:service:shop',
  timestamp: '2030-01-01T00:00:00.000Z',
  schema_version: '1',
  correlation_id: 'c-1',
  idempotency_key: 'i-1',
  causation_id: 'e-0',
  tenant: 'acme',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

/** The wire form of EVENT with some members replaced; `undefined` takes one away. */
function wire(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({ ...(JSON.parse(encodeEvent(EVENT)) as object), ...changes });
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
const maybe = fc.option(text, { nil: undefined });
const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,40}$/);
const payload = fc.oneof(
  fc
    .jsonValue({ maxDepth: 6, noUnicodeString: false })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  fc.uint8Array(),
);
const events: fc.Arbitrary<DomainEvent> = fc.record({
  event_type: text,
  aggregate_id: maybe,
  data: payload,
  event_id: id,
  source: text,
  timestamp: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  schema_version: text,
  correlation_id: text,
  idempotency_key: text,
  causation_id: maybe,
  tenant: maybe,
  traceparent: maybe,
});

describe('an event', () => {
  it('comes back equal, whatever it holds', () => {
    fc.assert(
      fc.property(events, (event) => {
        expect(decodeEvent(encodeEvent(event))).toEqual(event);
        expect(decodeEvent(Buffer.from(encodeEvent(event)))).toEqual(event);
      }),
    );
  });

  it('brings bytes back as bytes, also those of a slice of a larger buffer', () => {
    const bytes = Buffer.from('xx\u0000ÿbytes').subarray(2);
    const { data } = decodeEvent(encodeEvent({ ...EVENT, data: bytes }));
    expect(data).toEqual(new Uint8Array(bytes));
  });

  it('says what it is with its first member', () => {
    expect(encodeEvent(EVENT)).toMatch(/^\{"envelope":1,"event_id":"e-1",/);
  });

  it('is not even encoded when the backend kept the object itself', () => {
    const delivery = { event: EVENT, body: 'unread' } as Delivery;
    expect(openEnvelope(delivery)).toBe(EVENT);
    expect(openEnvelope({ body: wire() } as Delivery)).toEqual(EVENT);
  });
});

describe('what is no event of ours', () => {
  it.each(['null', '7', '"x"', '[]', '{}', '{"data":1}', '[{"envelope":1}]', '{"__proto__":{"envelope":1}}'])(
    'is recognised: %s',
    (body) => {
      expect(() => decodeEvent(body)).toThrow(NotAnEventError);
    },
  );
});

describe('a broken envelope', () => {
  it.each([2, 0, '1', null, true, [1], { major: 1 }])('of version %p is refused', (envelope) => {
    expect(() => decodeEvent(wire({ envelope }))).toThrow(/^the envelope has version .*, this build reads 1/);
  });

  it.each(['event_type', 'source', 'timestamp'])('without a usable %s is refused', (field) => {
    for (const value of [undefined, null, '', 7, [], {}, 'x'.repeat(257)]) {
      expect(() => decodeEvent(wire({ [field]: value }))).toThrow(DecodeError);
    }
  });

  it.each([
    ['correlation_id', 'e-1'],
    ['idempotency_key', 'e-1'],
    ['schema_version', '1'],
  ])('may lack %s, which then is %p, but not have a wrong one', (field, value) => {
    expect(decodeEvent(wire({ event_id: 'e-1', [field]: undefined }))).toMatchObject({ [field]: value });
    for (const wrong of [null, '', 7, [], {}, 'x'.repeat(257)]) {
      expect(() => decodeEvent(wire({ [field]: wrong }))).toThrow(DecodeError);
    }
  });

  it('says nothing twice', () => {
    const plain = {
      ...EVENT,
      correlation_id: 'e-1',
      idempotency_key: 'e-1',
      event_id: 'e-1',
      schema_version: '1',
    };
    expect(encodeEvent(plain)).not.toMatch(/correlation_id|idempotency_key|schema_version/);
    expect(decodeEvent(encodeEvent(plain))).toEqual(plain);
  });

  it.each(['aggregate_id', 'causation_id', 'tenant', 'traceparent'])('may lack %s, and no more', (field) => {
    for (const value of [undefined, null]) {
      expect(decodeEvent(wire({ [field]: value }))).toMatchObject({ [field]: undefined });
    }
    for (const value of [7, false, [], {}, 'x'.repeat(257)]) {
      expect(() => decodeEvent(wire({ [field]: value }))).toThrow(DecodeError);
    }
  });

  it.each([
    undefined,
    null,
    '',
    7,
    'a b',
    '../../etc/passwd',
    `'; DROP TABLE messages;--`,
    'x'.repeat(10_000_000),
  ])('with the id %.30p is refused', (event_id) => {
    expect(() => decodeEvent(wire({ event_id }))).toThrow(/no valid event_id/);
  });

  it('without data is refused, and with null as data is not', () => {
    expect(() => decodeEvent(wire({ data: undefined }))).toThrow(/has no data/);
    expect(decodeEvent(wire({ data: null })).data).toBeNull();
  });

  it.each(['yesterday', '2030-13-01T00:00:00Z', 'NaN'])('with the time %p is refused', (timestamp) => {
    expect(() => decodeEvent(wire({ timestamp }))).toThrow(/not a date/);
  });

  it.each([7, null, {}, '!!!!', 'AA', 'AA=A', 'A', 'AAAA\n'])(
    'with %p as bytes is refused',
    (data_base64) => {
      expect(() => decodeEvent(wire({ data: undefined, data_base64 }))).toThrow(DecodeError);
    },
  );

  it.each(['', 'AA==', 'AAA=', 'AAAA', '+/+/'])('reads %p as bytes', (data_base64) => {
    const bytes = decodeEvent(wire({ data: undefined, data_base64 })).data as Uint8Array;
    expect(Buffer.from(bytes).toString('base64')).toBe(data_base64);
  });
});

it('a payload with __proto__ keeps it a key, and changes no prototype', () => {
  const body = wire().replace(
    '{"total":5}',
    '{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{"polluted":1}}}}',
  );
  const data = decodeEvent(body).data as Record<string, unknown>;
  expect(Object.keys(data)).toEqual(['__proto__', 'a']);
  expect(data['polluted']).toBeUndefined();
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
