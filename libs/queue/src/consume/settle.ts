import type { Settlement } from '../backend/backend.js';
import type { Delivery } from '../message/delivery.js';
import type { Outcome } from '../message/outcome.js';
import { QueueError } from '../message/queue-error.js';

/** An outcome that no station decided: a mistake of ours. */
class UndecidedOutcomeError extends QueueError {
  readonly code = 'undecided_outcome';
}

/** The only switch: what the broker is told about an outcome. undefined: nothing, the message is no longer ours. */
export function settlementFor(delivery: Delivery, outcome: Outcome): Settlement | undefined {
  switch (outcome.kind) {
    case 'ack':
      return { kind: 'ack', delivery };
    case 'release':
      return outcome.delayMs === undefined
        ? { kind: 'release', delivery }
        : { kind: 'release', delivery, delayMs: outcome.delayMs };
    case 'retry':
      return { kind: 'retry', delivery, delayMs: outcome.delayMs, failure: outcome.failure };
    case 'dead':
      return { kind: 'dead', delivery, failure: outcome.failure };
    case 'lost':
      return undefined;
    case 'failed':
      throw new UndecidedOutcomeError(`the failure of message ${delivery.id} was never decided upon`, {
        cause: outcome.error,
      });
  }
}
