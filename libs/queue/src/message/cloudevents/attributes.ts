import { type Attributes, type AttributeValue, InvalidCloudEventError } from './cloud-event.js';

export const SPEC_VERSION = '1.0';

/** Longest value of an attribute in UTF-16 code units; the standard has no limit, intermediaries do. */
const MAX_ATTRIBUTE_LENGTH = 4_096;

const NAME = /^[a-z0-9]{1,64}$/;
const RESERVED_NAMES = new Set(['data', 'specversion']);
/** Neither control characters, noncharacters nor half surrogate pairs. */
const STRING = /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]*$/u;
const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(?:;.*)?$/;
/** RFC 3339 with any precision and offset: kept as it was said. */
const TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** What the text of a core attribute must be, in words and as a test. Every other name is an extension. */
const CORE: Readonly<Record<string, readonly [rule: string, holds: (text: string) => boolean]>> =
  Object.assign(
    Object.create(null) as object,
    {
      id: ['a text that is not empty', isFilled],
      type: ['a text that is not empty', isFilled],
      subject: ['a text that is not empty', isFilled],
      source: ['a URI reference', (text: string) => URI_REFERENCE.test(text)],
      dataschema: ['an absolute URI', (text: string) => ABSOLUTE.test(text) && URI_REFERENCE.test(text)],
      datacontenttype: ['a media type', (text: string) => MEDIA_TYPE.test(text)],
      time: ['a time of RFC 3339', isTime],
      partitionkey: ['a text that is not empty', isFilled],
    } as const,
  );

const REQUIRED = ['id', 'source', 'type'] as const;

/** Throws InvalidCloudEventError unless every attribute is one, and the required ones are there. */
export function checkAttributes(attributes: Attributes): void {
  for (const name of REQUIRED) {
    if (!Object.hasOwn(attributes, name)) fail(name, 'is missing');
  }
  for (const name of Object.keys(attributes)) checkAttribute(name, attributes[name]);
}

/** A value of an extension or a core attribute. Throws InvalidCloudEventError. */
export function checkAttribute(name: string, value: unknown): asserts value is AttributeValue {
  if (!isAttributeName(name)) fail(name, 'is no name of an attribute: use lower-case letters and digits');
  if (typeof value === 'string') checkString(name, value);
  else if (Object.hasOwn(CORE, name)) fail(name, 'must be a text');
  else if (typeof value === 'number') {
    if ((value | 0) !== value) fail(name, 'is a number other than an integer of 32 bits');
  } else if (typeof value !== 'boolean') fail(name, 'is neither a text, an integer nor a boolean');
}

export function isAttributeName(name: string): boolean {
  return NAME.test(name) && !RESERVED_NAMES.has(name);
}

function checkString(name: string, text: string): void {
  if (text.length > MAX_ATTRIBUTE_LENGTH) fail(name, `is longer than ${MAX_ATTRIBUTE_LENGTH} characters`);
  if (!STRING.test(text)) fail(name, 'holds a character that is not allowed');
  const core = CORE[name];
  if (core !== undefined && !core[1](text)) fail(name, `must be ${core[0]}`);
}

function isFilled(text: string): boolean {
  return text !== '';
}

/** The regular expression lets 31 February pass; a leap second, which Date does not know, has to. */
function isTime(text: string): boolean {
  if (!TIME.test(text)) return false;
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function fail(name: string, why: string): never {
  throw new InvalidCloudEventError(
    `the attribute ${JSON.stringify(name.slice(0, 64))} of a CloudEvent ${why}`,
  );
}
