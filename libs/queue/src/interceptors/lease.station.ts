import type { Clock } from '../ambient/clock.js';
import { LOST, RELEASE, type Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import { LeaseLostError, ShutdownError } from './handling.errors.js';
import type { Station } from './station.js';

/** What a delivery whose lease was lost, or that a shutdown cut short, came to: nothing that counts against it. */
export class LeaseStation implements Station {
  readonly name = 'lease';

  constructor(private readonly clock: Clock) {}

  /** Looks at the time itself: after the event loop stood still, a delivery that waited may be nobody's or another's. */
  enter(handling: Handling): Outcome | undefined {
    if (this.clock.mono() >= handling.leaseEndsAt) {
      handling.abort(
        new LeaseLostError(`the lease of message ${handling.id} ended before its handler started`),
      );
    }
    return handling.abortReason === undefined ? undefined : cutShort(handling, RELEASE);
  }

  exit(handling: Handling, outcome: Outcome): Outcome {
    return handling.abortReason === undefined ? outcome : cutShort(handling, outcome);
  }
}

function cutShort(handling: Handling, outcome: Outcome): Outcome {
  if (handling.abortReason instanceof LeaseLostError) return LOST;
  const isDecided = outcome.kind === 'ack' || outcome.kind === 'lost';
  return handling.abortReason instanceof ShutdownError && !isDecided ? RELEASE : outcome;
}
