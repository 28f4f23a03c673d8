import type { Attributes } from './cloudevents/cloud-event.js';

/** A domain event: what an application publishes and a handler reads. Field names are the wire's. */
export interface DomainEvent<T = unknown> {
  /** What happened, such as `github.push`. Defaults to the topic. */
  readonly event_type: string;
  /** Whom it happened to; defaults to the ordering key. */
  readonly aggregate_id: string | undefined;
  readonly data: T;
  /** Unique per event of one `source`. */
  readonly event_id: string;
  /** Who says so: a URI reference such as `urn:service:hooks`. */
  readonly source: string;
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string;
  /** Version of the shape of `data`. */
  readonly schema_version: string;
  /** Constant over a whole conversation. */
  readonly correlation_id: string;
  /** Identity of the intent; equal to `event_id` unless the publisher chose one. */
  readonly idempotency_key: string;
  /** `event_id` of the event whose handling led to this one. */
  readonly causation_id: string | undefined;
  readonly tenant: string | undefined;
  /** W3C trace context of the start of the conversation. */
  readonly traceparent: string | undefined;
  /** Media type of `data` where it is not the usual one: JSON, or `application/octet-stream` for bytes. */
  readonly content_type?: string | undefined;
  /** URI of the schema of `data`, from senders that give one. */
  readonly data_schema?: string | undefined;
  /** What a sender says beyond these fields: the further attributes of a CloudEvent, by their names there. */
  readonly extensions?: Attributes | undefined;
}
