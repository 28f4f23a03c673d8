import { copyOf, byteLength, type Body } from '../body.js';
import { emptyHeaders, HEADER_LIMITS, type Headers } from '../headers.js';
import { decodeText, parseJson } from '../json.js';
import { toBytes } from '../body.js';
import { checkAttributes, SPEC_VERSION } from './attributes.js';
import { CONTENT_TYPE_HEADER, type HeaderForm } from './header-forms.js';
import { type AttributeValue, type CloudEvent, InvalidCloudEventError } from './cloud-event.js';
import { dataKindOf } from './media-type.js';
import { percentDecode, percentEncode } from './percent.js';
import { checkVersion } from './structured.js';

/** Body and headers of one message. */
export interface EncodedEvent {
  readonly body: Body;
  readonly headers: Headers;
}

/** Attributes as headers, data as the body. No data is an empty body. Throws InvalidCloudEventError. */
export function encodeBinary({ attributes, data }: CloudEvent, form: HeaderForm): EncodedEvent {
  checkAttributes(attributes);
  const headers = emptyHeaders();
  headers[`${form.prefix}specversion`] = SPEC_VERSION;
  for (const name of Object.keys(attributes)) {
    const text = String(attributes[name]);
    const isType = name === 'datacontenttype';
    if (isType) headers[CONTENT_TYPE_HEADER] = text;
    if (isType && !form.repeatsContentType) continue;
    headers[`${form.prefix}${name}`] = form.values === 'percent' ? percentEncode(text) : text;
  }
  checkSize(headers);
  return { headers, body: bodyOf(attributes['datacontenttype'] as string | undefined, data) };
}

/** Throws InvalidCloudEventError, or DecodeError for a body that is not what its content type says. */
export function decodeBinary({ headers, body }: EncodedEvent, form: HeaderForm): CloudEvent {
  const attributes = Object.create(null) as Record<string, AttributeValue>;
  const prefix = form.prefix.toLowerCase();
  for (const header of Object.keys(headers)) {
    const name = header.toLowerCase();
    if (name === CONTENT_TYPE_HEADER) attributes['datacontenttype'] = headers[header] as string;
    else if (name.startsWith(prefix))
      readAttribute(attributes, name.slice(prefix.length), headers[header], form);
  }
  checkVersion(attributes['specversion']);
  delete attributes['specversion'];
  checkAttributes(attributes);
  return { attributes, data: dataOf(attributes['datacontenttype'] as string | undefined, body) };
}

function readAttribute(
  attributes: Record<string, AttributeValue>,
  name: string,
  value: string | undefined,
  { values }: HeaderForm,
): void {
  if (name in attributes) {
    if (name === 'datacontenttype') return; // the content type of the message has said it already
    throw new InvalidCloudEventError(`the attribute "${name}" of a CloudEvent is given twice`);
  }
  attributes[name] = values === 'percent' ? percentDecode(name, value as string) : (value as string);
}

function bodyOf(mediaType: string | undefined, data: unknown): Body {
  if (data === undefined) return '';
  if (data instanceof Uint8Array) return copyOf(data);
  if (dataKindOf(mediaType) === 'json') return JSON.stringify(data);
  if (typeof data === 'string') return data;
  throw new InvalidCloudEventError(
    'data of a CloudEvent whose datacontenttype is not JSON must be text or bytes',
  );
}

function dataOf(mediaType: string | undefined, body: Body): unknown {
  const kind = dataKindOf(mediaType);
  if (kind === 'bytes') return copyOf(toBytes(body));
  if (kind === 'text') return decodeText(body);
  return byteLength(body) === 0 ? undefined : parseJson(decodeText(body));
}

function checkSize(headers: Headers): void {
  let bytes = 0;
  for (const name of Object.keys(headers)) bytes += name.length + Buffer.byteLength(headers[name] as string);
  if (bytes <= HEADER_LIMITS.totalBytes) return;
  throw new InvalidCloudEventError(
    `the attributes of a CloudEvent take ${bytes} bytes as headers, at most ${HEADER_LIMITS.totalBytes} are allowed: use the structured mode`,
  );
}
