import fc from 'fast-check';
import type { DomainEvent } from '../event.js';
import type { AttributeValue, CloudEvent } from './cloud-event.js';

/** Any text that an attribute may hold: the hostile ones are what headers and percent signs are bad at. */
const HOSTILE = [
  '%',
  '%41',
  '100 %',
  '"quoted"',
  'a\\b',
  '€ 😀 "',
  ' ',
  ' lead',
  'trail ',
  '\u00a0',
  '+',
  'ünï',
  '=?utf-8?',
];

export const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((value) => /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]+$/u.test(value)),
);
const maybe = fc.option(text, { nil: undefined });
const name = fc.stringMatching(/^x[a-z0-9]{0,19}$/);
const integer = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const json = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
const offset = fc.constantFrom('Z', 'z', '+02:00', '-11:30', '+00:00');
const time = fc
  .record({
    date: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }),
    fraction: fc.nat(999_999_999),
    offset,
  })
  .map(
    ({ date, fraction, offset: zone }) =>
      `${date.toISOString().slice(0, 19)}.${String(fraction).padStart(9, '0')}${zone}`,
  );
const source = fc.constantFrom(
  'urn:service:shop',
  'https://example.org/a?b=c#d',
  '/relative',
  'mailto:a@b.c',
  '1-555-123-4567',
);

/** `values` of extensions: all three types, or, for headers, texts. */
export const extensionsOf = (values: fc.Arbitrary<AttributeValue>) =>
  fc.dictionary(name, values, { maxKeys: 4 });
export const anyValue: fc.Arbitrary<AttributeValue> = fc.oneof(text, integer, fc.boolean());

const content = fc.oneof(
  json.map((data) => ({ datacontenttype: 'application/json', data })),
  json.map((data) => ({ datacontenttype: 'Application/Vnd.Order+JSON; charset=utf-8', data })),
  fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((value) => value.isWellFormed() && !value.startsWith('\ufeff'))
    .map((data) => ({ datacontenttype: 'text/xml', data })),
  fc.uint8Array({ minLength: 1 }).map((data) => ({ datacontenttype: 'image/png', data })),
  fc.constant({ datacontenttype: undefined, data: undefined }),
);

export const cloudEvents = (values: fc.Arbitrary<AttributeValue>): fc.Arbitrary<CloudEvent> =>
  fc
    .record({
      id: text,
      source,
      type: text,
      subject: maybe,
      time: fc.option(time, { nil: undefined }),
      content,
      extensions: extensionsOf(values),
    })
    .map(({ content: { datacontenttype, data }, extensions, ...core }) => {
      const given = Object.entries({ ...extensions, ...core, datacontenttype }).filter(
        ([, value]) => value !== undefined,
      );
      const attributes = Object.assign(Object.create(null) as object, Object.fromEntries(given));
      return { attributes: attributes as CloudEvent['attributes'], data };
    });

export const domainEvents: fc.Arbitrary<DomainEvent> = fc.record({
  event_type: text,
  aggregate_id: maybe,
  data: fc.oneof(json, fc.uint8Array()),
  event_id: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,40}$/),
  source,
  timestamp: time,
  schema_version: text,
  correlation_id: text,
  idempotency_key: text,
  causation_id: maybe,
  tenant: maybe,
  traceparent: maybe,
  extensions: fc.option(
    extensionsOf(text).filter((bag) => Object.keys(bag).length > 0),
    { nil: undefined },
  ),
});
