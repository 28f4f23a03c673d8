import type { DomainEvent } from '../event.js';
import { MAX_TEXT_LENGTH } from '../names.js';
import {
  type Attributes,
  type AttributeValue,
  type CloudEvent,
  InvalidCloudEventError,
} from './cloud-event.js';
import { BYTES_TYPE, JSON_TYPE } from './media-type.js';

/** Fields of a domain event that are extensions there. What is not listed keeps its name in `extensions`. */
const EXTENSIONS = Object.freeze({
  schema_version: 'schemaversion',
  correlation_id: 'correlationid',
  causation_id: 'causationid',
  idempotency_key: 'idempotencykey',
  tenant: 'tenantid',
  traceparent: 'traceparent',
});

/** Attributes that a domain event has a field for. */
export const MAPPED_ATTRIBUTES: ReadonlySet<string> = new Set([
  'id',
  'source',
  'type',
  'time',
  'subject',
  'datacontenttype',
  'dataschema',
  ...Object.values(EXTENSIONS),
]);

/** In the terms of CloudEvents. What equals the id is not said again. `key` becomes the partition key. */
export function toCloudEvent(event: DomainEvent, key: string | undefined): CloudEvent {
  const { event_id: id, data } = event;
  const attributes = Object.assign(Object.create(null) as Record<string, AttributeValue>, event.extensions);
  const say = (name: string, value: string | undefined): void => {
    if (value !== undefined) attributes[name] = value;
  };
  say('id', id);
  say('source', event.source);
  say('type', event.event_type);
  say('time', event.timestamp);
  say('subject', event.aggregate_id);
  say('partitionkey', key);
  say('datacontenttype', event.content_type ?? contentTypeOf(data));
  say('dataschema', event.data_schema);
  say(EXTENSIONS.schema_version, event.schema_version);
  say(EXTENSIONS.correlation_id, otherThan(id, event.correlation_id));
  say(EXTENSIONS.idempotency_key, otherThan(id, event.idempotency_key));
  say(EXTENSIONS.causation_id, event.causation_id);
  say(EXTENSIONS.tenant, event.tenant);
  say(EXTENSIONS.traceparent, event.traceparent);
  return { attributes, data };
}

/** As handlers know it. An event that does not say when it happened gets the time of its publication. */
export function toDomainEvent({ attributes, data }: CloudEvent, publishedAt: number): DomainEvent {
  const id = text(attributes, 'id') as string;
  const type = attributes['datacontenttype'] as string | undefined;
  return {
    event_type: attributes['type'] as string,
    aggregate_id: attributes['subject'] as string | undefined,
    data,
    event_id: id,
    source: attributes['source'] as string,
    timestamp: (attributes['time'] as string | undefined) ?? new Date(publishedAt).toISOString(),
    schema_version: text(attributes, EXTENSIONS.schema_version) ?? '1',
    correlation_id: text(attributes, EXTENSIONS.correlation_id) ?? id,
    idempotency_key: text(attributes, EXTENSIONS.idempotency_key) ?? id,
    causation_id: text(attributes, EXTENSIONS.causation_id),
    tenant: text(attributes, EXTENSIONS.tenant),
    traceparent: text(attributes, EXTENSIONS.traceparent),
    content_type: type === contentTypeOf(data) ? undefined : type,
    data_schema: attributes['dataschema'] as string | undefined,
    extensions: unmapped(attributes),
  };
}

function contentTypeOf(data: unknown): string | undefined {
  if (data === undefined) return undefined;
  return data instanceof Uint8Array ? BYTES_TYPE : JSON_TYPE;
}

function otherThan(id: string, value: string): string | undefined {
  return value === id ? undefined : value;
}

/** A sender may give any of these as a number. As they travel on with what handlers publish, they are kept short. */
function text(attributes: Attributes, name: string): string | undefined {
  const value = attributes[name];
  if (value === undefined || value === '') return undefined;
  const said = String(value);
  if (said.length <= MAX_TEXT_LENGTH) return said;
  throw new InvalidCloudEventError(
    `the attribute "${name}" of a CloudEvent is longer than ${MAX_TEXT_LENGTH} characters`,
  );
}

function unmapped(attributes: Attributes): Attributes | undefined {
  const names = Object.keys(attributes).filter((name) => !MAPPED_ATTRIBUTES.has(name));
  if (names.length === 0) return undefined;
  const extensions = Object.create(null) as Record<string, AttributeValue>;
  for (const name of names) extensions[name] = attributes[name] as AttributeValue;
  return Object.freeze(extensions);
}
