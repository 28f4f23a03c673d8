import { QueueError } from '../message/queue-error.js';

/** What was declared cannot exist on any backend. */
export class InvalidTopologyError extends QueueError {
  readonly code = 'invalid_topology';
}
