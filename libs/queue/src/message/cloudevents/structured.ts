import type { Body } from '../body.js';
import { readBase64, writeBase64 } from '../base64.js';
import { decodeText, parseJson } from '../json.js';
import { checkAttributes, SPEC_VERSION } from './attributes.js';
import { type AttributeValue, type CloudEvent, InvalidCloudEventError } from './cloud-event.js';
import { dataKindOf } from './media-type.js';

export const STRUCTURED_TYPE = 'application/cloudevents+json';
export const BATCH_TYPE = 'application/cloudevents-batch+json';

/** The event as one JSON object: attributes and data side by side. Throws InvalidCloudEventError. */
export function encodeStructured({ attributes, data }: CloudEvent): string {
  checkAttributes(attributes);
  const head = { specversion: SPEC_VERSION, ...attributes };
  if (data instanceof Uint8Array) return JSON.stringify({ ...head, data_base64: writeBase64(data) });
  checkKind(attributes, data);
  return JSON.stringify({ ...head, data });
}

/** Whether parsed JSON says that it is a CloudEvent, of whatever version. */
export function isStructured(wire: unknown): wire is Record<string, unknown> {
  return isObject(wire) && ['specversion', 'id', 'source', 'type'].every((name) => Object.hasOwn(wire, name));
}

/** The event of parsed JSON. An attribute that is null is absent, data that is null is not. Throws InvalidCloudEventError. */
export function decodeStructured(wire: unknown): CloudEvent {
  if (!isObject(wire)) throw new InvalidCloudEventError('a CloudEvent must be a JSON object');
  const { specversion, data, data_base64: encoded, ...members } = wire;
  checkVersion(specversion);
  const attributes = Object.create(null) as Record<string, AttributeValue>;
  for (const [name, value] of Object.entries(members)) {
    if (value !== null) attributes[name] = value as AttributeValue;
  }
  checkAttributes(attributes);
  if (encoded === undefined || encoded === null) {
    checkKind(attributes, data);
    return { attributes, data };
  }
  if (data !== undefined) throw new InvalidCloudEventError('a CloudEvent has both data and data_base64');
  if (typeof encoded !== 'string')
    throw new InvalidCloudEventError('data_base64 of a CloudEvent is not a text');
  return { attributes, data: readBase64('data_base64 of the CloudEvent', encoded) };
}

/** Several events as one JSON array, as HTTP may carry them. */
export function encodeBatch(events: readonly CloudEvent[]): string {
  return `[${events.map(encodeStructured).join(',')}]`;
}

/** None is a batch too. Throws InvalidCloudEventError or DecodeError: a batch is good as a whole or not at all. */
export function decodeBatch(body: Body): readonly CloudEvent[] {
  const wire = parseJson(decodeText(body));
  if (!Array.isArray(wire)) throw new InvalidCloudEventError('a batch of CloudEvents must be a JSON array');
  return wire.map(decodeStructured);
}

export function checkVersion(specversion: unknown): void {
  if (specversion === SPEC_VERSION) return;
  throw new InvalidCloudEventError(`a CloudEvent must be of specversion ${SPEC_VERSION}, this one is not`);
}

/** Data that is no JSON is text, or bytes. */
function checkKind({ datacontenttype }: CloudEvent['attributes'], data: unknown): void {
  if (data === undefined || typeof data === 'string') return;
  if (dataKindOf(datacontenttype as string | undefined) === 'json') return;
  throw new InvalidCloudEventError('data of a CloudEvent whose datacontenttype is not JSON must be a text');
}

function isObject(wire: unknown): wire is Record<string, unknown> {
  return typeof wire === 'object' && wire !== null && !Array.isArray(wire);
}
