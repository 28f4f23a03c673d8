import { QueueError } from '../queue-error.js';

/** Booleans and 32-bit integers keep their type in JSON; all others are text. */
export type AttributeValue = string | number | boolean;

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** An event in the terms of CloudEvents 1.0, exactly as it was said: nothing added, nothing lost. */
export interface CloudEvent {
  /** Core attributes and extensions alike, without a prototype. `specversion` is not among them: it is always 1.0. */
  readonly attributes: Attributes;
  /** undefined: the event has none. `null` is data. Bytes are a Uint8Array. */
  readonly data: unknown;
}

/** What is written or read breaks a rule of CloudEvents 1.0; the message names the attribute, never its value. */
export class InvalidCloudEventError extends QueueError {
  readonly code = 'invalid_cloud_event';
}
