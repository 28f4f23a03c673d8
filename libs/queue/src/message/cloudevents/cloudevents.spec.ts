import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { toBytes } from '../body.js';
import {
  CODECS,
  type CloudEventsCodec,
  decodeCloudEventBatch,
  encodeCloudEvent,
  encodeCloudEventBatch,
} from '../codec.js';
import { decodeEvent, encodeEvent } from '../envelope.js';
import type { Headers } from '../headers.js';
import { type HeaderFormName, HEADER_FORMS } from './header-forms.js';
import { decodeBinary, encodeBinary } from './binary.js';
import type { CloudEvent } from './cloud-event.js';
import { anyValue, cloudEvents, domainEvents, text } from './cloudevents.fixture.js';
import { decodeBatch, decodeStructured, encodeBatch, encodeStructured } from './structured.js';

const SCHEMA = new URL('../../../../../test/fixtures/cloudevents/cloudevents.schema.json', import.meta.url);
const ajv = new Ajv({ strict: false });
addFormats.default(ajv);
const isOfficial = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);

const MINIMAL = { specversion: '1.0', id: '1', source: 'urn:s', type: 't' };
const parsed = (body: unknown): unknown => JSON.parse(body as string);
const structured = (changes: Record<string, unknown>): CloudEvent =>
  decodeStructured({ ...MINIMAL, ...changes });
const headersOf = (given: Record<string, string>): Headers =>
  Object.assign(Object.create(null) as object, given) as Headers;
const binary = (given: Record<string, string>, body: string | Uint8Array = ''): CloudEvent =>
  decodeBinary(
    {
      headers: headersOf({
        'ce-specversion': '1.0',
        'ce-id': '1',
        'ce-source': 'urn:s',
        'ce-type': 't',
        ...given,
      }),
      body,
    },
    HEADER_FORMS.http,
  );

const FOREIGN: readonly CloudEventsCodec[] = ['cloudevents-structured', 'cloudevents-binary'];
const FORM_NAMES = (Object.keys(HEADER_FORMS) as HeaderFormName[]).filter((name) => name !== 'mqtt');

describe('a structured CloudEvent', () => {
  it('comes back equal, and is one by the official schema', () => {
    fc.assert(
      fc.property(cloudEvents(anyValue), (event) => {
        const wire = parsed(encodeStructured(event));
        expect(isOfficial(wire)).toBe(true);
        expect(decodeStructured(wire)).toEqual(event);
      }),
    );
  });

  it('takes null as absent in attributes and as a value in data', () => {
    const event = structured({ subject: null, ext: null, data: null });
    expect({ ...event.attributes }).toEqual({ id: '1', source: 'urn:s', type: 't' });
    expect(event.data).toBeNull();
    expect(structured({}).data).toBeUndefined();
    expect(encodeStructured(structured({}))).not.toContain('data');
    expect(parsed(encodeStructured(structured({ data: null })))).toMatchObject({ data: null });
  });

  it('does not parse a JSON text twice', () => {
    expect(structured({ data: '{"a":1}' }).data).toBe('{"a":1}');
    expect(decodeStructured(parsed(encodeStructured(structured({ data: '7' })))).data).toBe('7');
  });

  it('has data that is no JSON as text, or bytes as base64', () => {
    expect(structured({ datacontenttype: 'text/xml', data: '<a/>' }).data).toBe('<a/>');
    expect(structured({ data_base64: 'Zm9v' }).data).toEqual(new Uint8Array(Buffer.from('foo')));
    expect(() => structured({ datacontenttype: 'text/xml', data: { a: 1 } })).toThrow(/must be a text/);
    expect(() => structured({ data: 1, data_base64: 'Zm9v' })).toThrow(/both data and data_base64/);
    expect(() => structured({ data_base64: '!' })).toThrow(/not base64/);
  });

  it('keeps the precision and the offset of its time', () => {
    const time = '2018-04-05T17:31:00.123456789+02:00';
    expect(parsed(encodeStructured(structured({ time })))).toMatchObject({ time });
  });

  it.each([
    ['id', ''],
    ['id', 7],
    ['source', ''],
    ['source', 'with space'],
    ['type', undefined],
    ['subject', ''],
    ['dataschema', 'relative'],
    ['datacontenttype', 'json'],
    ['time', '2018-02-30T00:00:00Z'],
    ['time', 'yesterday'],
    ['specversion', '0.3'],
    ['specversion', undefined],
    ['ext', 2 ** 40],
    ['ext', 1.5],
    ['ext', {}],
    ['ext', []],
    ['ext', 'a\u0007b'],
    ['ext', 'a\u0085b'],
    ['ext', '\ufffe'],
    ['ext', 'half \ud83d'],
    ['ext', 'x'.repeat(4_097)],
    ['tenantId', 'x'],
    ['tenant_id', 'x'],
    ['', 'x'],
  ])('with %p as %p is refused', (name, value) => {
    const wire: Record<string, unknown> = { ...MINIMAL, [name]: value };
    if (value === undefined) delete wire[name];
    expect(() => decodeStructured(wire)).toThrow(/CloudEvent/);
  });

  it('as a batch may be none, and is good as a whole or not at all', () => {
    expect(decodeBatch(encodeBatch([]))).toEqual([]);
    fc.assert(
      fc.property(fc.array(cloudEvents(anyValue), { maxLength: 3 }), (events) => {
        expect(decodeBatch(encodeBatch(events))).toEqual(events);
      }),
      { numRuns: 20 },
    );
    expect(() => decodeBatch(JSON.stringify([MINIMAL, { ...MINIMAL, id: '' }]))).toThrow(/"id"/);
    expect(() => decodeBatch(JSON.stringify(MINIMAL))).toThrow(/array/);
  });
});

describe.each(FORM_NAMES)('a binary CloudEvent over %s', (name) => {
  const form = HEADER_FORMS[name];

  it('comes back equal, whatever its attributes hold', () => {
    fc.assert(
      fc.property(cloudEvents(text), (event) => {
        const encoded = encodeBinary(event, form);
        const body = toBytes(encoded.body);
        expect(decodeBinary({ headers: encoded.headers, body }, form)).toEqual(event);
      }),
    );
  });

  it('has its attributes under the prefix, and the media type as the content type', () => {
    const event = structured({ datacontenttype: 'text/plain', data: 'x', flag: true, n: -1 });
    const { headers } = encodeBinary(event, form);
    expect(headers).toMatchObject({
      [`${form.prefix}flag`]: 'true',
      [`${form.prefix}n`]: '-1',
      'content-type': 'text/plain',
    });
    expect(`${form.prefix}datacontenttype` in headers).toBe(form.repeatsContentType);
  });
});

describe('headers as HTTP takes them', () => {
  it('are ASCII, whatever they say', () => {
    fc.assert(
      fc.property(cloudEvents(text), (event) => {
        const { headers } = encodeBinary(event, HEADER_FORMS.http);
        const { 'content-type': _, ...attributes } = headers;
        expect(Object.values(attributes).join('')).toMatch(/^[\u0021-\u007e]*$/);
      }),
    );
    const { headers } = encodeBinary(structured({ ext: '€ 😀 "%' }), HEADER_FORMS.http);
    expect(headers['ce-ext']).toBe('%E2%82%AC%20%F0%9F%98%80%20%22%25');
  });

  it('are decoded once', () => {
    expect(binary({ 'ce-ext': '%2541' }).attributes['ext']).toBe('%41');
  });

  it('may be quoted, of any case, and not escaped at all', () => {
    const { attributes } = binary({ 'CE-Quoted': '"a\\"b"', 'ce-raw': 'Zürich 100%' });
    expect(attributes).toMatchObject({ quoted: 'a"b', raw: 'Zürich 100%' });
  });

  it('that are no UTF-8 are refused', () => {
    expect(() => binary({ 'ce-ext': '%FF%FE' })).toThrow(/not valid UTF-8/);
    expect(() => binary({ 'ce-ext': '%00' })).toThrow(/not allowed/);
  });

  it('that say one thing twice are refused', () => {
    expect(() => binary({ 'CE-ID': '2' })).toThrow(/"id" .* given twice/);
  });
});

describe('the body of a binary CloudEvent', () => {
  it('is absent when it is empty, and null when it says null', () => {
    expect(binary({}).data).toBeUndefined();
    expect(binary({}, 'null').data).toBeNull();
    expect(binary({ 'content-type': 'application/json' }, new Uint8Array()).data).toBeUndefined();
  });

  it.each([
    ['application/json', '"7"', '7'],
    ['APPLICATION/VND.X+JSON; a=b', '{"a":1}', { a: 1 }],
    ['text/plain; charset=UTF-8', 'ü', 'ü'],
    ['application/soap+xml', '<a/>', '<a/>'],
    ['text/plain; charset=latin1', 'x', new Uint8Array([0x78])],
    ['image/png', 'x', new Uint8Array([0x78])],
  ])('of %s is read as such', (type, body, data) => {
    expect(binary({ 'content-type': type }, body).data).toEqual(data);
  });

  it('that is not what its type says is refused', () => {
    expect(() => binary({ 'content-type': 'application/json' }, '{')).toThrow(/not valid JSON/);
    expect(() => binary({ 'content-type': 'text/plain' }, Uint8Array.of(0xff))).toThrow(/not valid UTF-8/);
  });
});

describe('a domain event', () => {
  it.each(FOREIGN)('comes back equal through %s', (codec) => {
    fc.assert(
      fc.property(domainEvents, (event) => {
        const { body, headers } = encodeCloudEvent(codec, event);
        expect(decodeEvent(body, headers)).toEqual(event);
      }),
    );
  });

  it('comes back equal from a batch', () => {
    fc.assert(
      fc.property(fc.array(domainEvents, { maxLength: 3 }), (events) => {
        expect(decodeCloudEventBatch(encodeCloudEventBatch(events), 0)).toEqual(events);
      }),
      { numRuns: 20 },
    );
  });

  it('is a CloudEvent by the official schema', () => {
    fc.assert(
      fc.property(domainEvents, (event) => {
        expect(isOfficial(parsed(encodeCloudEvent('cloudevents-structured', event, 'k').body))).toBe(true);
      }),
    );
  });

  it('with extensions comes back equal through our own envelope too', () => {
    fc.assert(fc.property(domainEvents, (event) => expect(decodeEvent(encodeEvent(event))).toEqual(event)));
    const [event] = fc.sample(domainEvents, { numRuns: 1, seed: 1 });
    const foreign = {
      ...event!,
      content_type: 'text/xml',
      data_schema: 'urn:schema:1',
      extensions: { a: 1, b: true },
    };
    expect(decodeEvent(encodeEvent(foreign))).toEqual(foreign);
  });

  it('says its fields by the names of the standard, and nothing twice', () => {
    const event = decodeEvent(JSON.stringify({ ...MINIMAL, time: '2030-01-01T00:00:00Z', data: {} }));
    const full = { ...event, aggregate_id: 'o-1', schema_version: '2', correlation_id: 'c', tenant: 'acme' };
    expect(parsed(encodeCloudEvent('cloudevents-structured', full, 'o-1').body)).toEqual({
      ...MINIMAL,
      time: '2030-01-01T00:00:00Z',
      subject: 'o-1',
      partitionkey: 'o-1',
      datacontenttype: 'application/json',
      schemaversion: '2',
      correlationid: 'c',
      tenantid: 'acme',
      data: {},
    });
  });

  it('without a time has that of its publication', () => {
    expect(decodeEvent(JSON.stringify(MINIMAL), undefined, 1_000).timestamp).toBe('1970-01-01T00:00:01.000Z');
  });

  it('keeps what it does not know', () => {
    const event = decodeEvent(
      JSON.stringify({ ...MINIMAL, sequence: '0001', n: 7, flag: true, dataref: '/blob' }),
    );
    expect({ ...event.extensions }).toEqual({ sequence: '0001', n: 7, flag: true, dataref: '/blob' });
    for (const codec of FOREIGN) {
      const { body, headers } = encodeCloudEvent(codec, event);
      expect(decodeEvent(body, headers).extensions).toMatchObject({ sequence: '0001', dataref: '/blob' });
    }
  });

  it('has an id as short as what it leads to can carry', () => {
    expect(() => decodeEvent(JSON.stringify({ ...MINIMAL, id: 'x'.repeat(257) }))).toThrow(
      /"id" .* longer than 256/,
    );
  });
});

describe('a reader', () => {
  const body = JSON.stringify({ ...MINIMAL, data: 1 });

  it.each(['application/cloudevents+json', 'Application/CloudEvents+JSON; charset=UTF-8'])(
    'takes %s for one',
    (type) => {
      expect(decodeEvent(body, headersOf({ 'Content-Type': type })).data).toBe(1);
      expect(() => decodeEvent('{}', headersOf({ 'content-type': type }))).toThrow(/specversion/);
    },
  );

  it.each(['application/cloudevents-batch+json', 'application/cloudevents+avro'])(
    'says that it cannot read %s',
    (type) => {
      expect(() => decodeEvent(body, headersOf({ 'content-type': type }))).toThrow(
        /reads no application\/cloudevents/,
      );
    },
  );

  it.each(['ce-', 'ce_', 'cloudEvents_', 'cloudEvents:'])('finds attributes under %s', (prefix) => {
    const headers = headersOf(
      Object.fromEntries(Object.entries(MINIMAL).map(([name, value]) => [`${prefix}${name}`, value])),
    );
    expect(decodeEvent('{"a":1}', headers)).toMatchObject({ event_id: '1', data: { a: 1 } });
  });

  it('needs no headers for a structured one', () => {
    expect(decodeEvent(Buffer.from(body))).toMatchObject({ event_id: '1', event_type: 't', data: 1 });
  });

  it('knows every codec', () => {
    expect(CODECS).toEqual(['native', ...FOREIGN]);
  });
});
