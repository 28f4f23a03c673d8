import { QueueError } from '../message/queue-error.js';
import { quote } from '../message/names.js';

/** What a relay was told to change or filter by threw. The message is refused, not lost. */
export class RelayChangeError extends QueueError {
  readonly code = 'relay_change_failed';

  constructor(relay: string, id: string, options: { cause: unknown }) {
    super(`relay ${quote(relay)} could not change message ${quote(id)}: mend its change function`, options);
  }
}

export class InvalidRelayError extends QueueError {
  readonly code = 'invalid_relay';
}
