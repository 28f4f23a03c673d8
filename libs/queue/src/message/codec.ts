import type { Body } from './body.js';
import type { DomainEvent } from './event.js';
import { emptyHeaders, type Headers, InvalidHeaderError } from './headers.js';
import { type EncodedEvent, encodeBinary } from './cloudevents/binary.js';
import { HEADER_FORMS, COMMON_HEADER_FORMS, CONTENT_TYPE_HEADER } from './cloudevents/header-forms.js';
import { toCloudEvent, toDomainEvent } from './cloudevents/domain-event.js';
import {
  decodeBatch,
  encodeBatch,
  encodeStructured,
  isStructured,
  STRUCTURED_TYPE,
} from './cloudevents/structured.js';
import { decodeText, parseJson } from './json.js';
import { wireFormOf } from './cloudevents/wire-form.js';

/** How a bus writes events. Whatever it is, consumers read all of them. */
export const CODECS = Object.freeze(['native', 'cloudevents-structured', 'cloudevents-binary'] as const);
export type CodecName = (typeof CODECS)[number];
/** All but our own. */
export type CloudEventsCodec = Exclude<CodecName, 'native'>;

const STRUCTURED_HEADERS: Headers = Object.freeze(
  Object.assign(Object.create(null) as Record<string, string>, {
    [CONTENT_TYPE_HEADER]: `${STRUCTURED_TYPE}; charset=utf-8`,
  }),
);

/** Body and headers of an event; the headers go on top of the application's. `key` is the partition key. Throws InvalidCloudEventError. */
export function encodeCloudEvent(codec: CloudEventsCodec, event: DomainEvent, key?: string): EncodedEvent {
  const cloudEvent = toCloudEvent(event, key);
  return codec === 'cloudevents-binary'
    ? encodeBinary(cloudEvent, HEADER_FORMS.http)
    : { body: encodeStructured(cloudEvent), headers: STRUCTURED_HEADERS };
}

/** In which of them a message is written that `decodeEvent` can read. */
export function codecOf(body: Body, headers: Headers): CodecName {
  const form = wireFormOf(headers);
  if (form?.mode === 'binary') return 'cloudevents-binary';
  return form?.mode === 'structured' || isStructured(parseJson(decodeText(body)))
    ? 'cloudevents-structured'
    : 'native';
}

/** Without what the envelope of a CloudEvent says: the same object where it says nothing. */
export function withoutEnvelope(headers: Headers): Headers {
  const names = Object.keys(headers);
  if (!names.some(isOfEnvelope)) return headers;
  const kept = emptyHeaders();
  for (const name of names) if (!isOfEnvelope(name)) kept[name] = headers[name] as string;
  return Object.freeze(kept);
}

/** Several events in one body of `application/cloudevents-batch+json`, for HTTP. Throws InvalidCloudEventError. */
export function encodeCloudEventBatch(events: readonly DomainEvent[]): string {
  return encodeBatch(events.map((event) => toCloudEvent(event, undefined)));
}

/** `receivedAt` (ms since the epoch) is the time of events that have none. Throws InvalidCloudEventError or DecodeError. */
export function decodeCloudEventBatch(body: Body, receivedAt: number): readonly DomainEvent[] {
  return decodeBatch(body).map((event) => toDomainEvent(event, receivedAt));
}

/**
 * Refuses headers of the application that would speak for the envelope: a reader would believe them. Throws
 * InvalidHeaderError.
 */
export function checkEnvelopeHeaders(codec: CodecName, headers: Headers): void {
  const taken = codec === 'native' ? nativeClash(headers) : Object.keys(headers).find(isOfEnvelope);
  if (taken === undefined) return;
  throw new InvalidHeaderError(
    `header "${taken}" says what the envelope of a CloudEvent says: choose another name, or use publishRaw`,
  );
}

function nativeClash(headers: Headers): string | undefined {
  return wireFormOf(headers) === undefined ? undefined : Object.keys(headers).find(isOfEnvelope);
}

function isOfEnvelope(header: string): boolean {
  const name = header.toLowerCase();
  return (
    name === CONTENT_TYPE_HEADER ||
    COMMON_HEADER_FORMS.some(({ prefix }) => name.startsWith(prefix.toLowerCase()))
  );
}
