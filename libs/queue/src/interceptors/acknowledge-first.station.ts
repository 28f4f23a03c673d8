import { LOST, type Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

export interface AcknowledgeFirstParts {
  /** Acknowledges now; answers whether the broker has taken it. */
  readonly acknowledge: (handling: Handling) => Promise<boolean>;
  /** Told of each message that was acknowledged and then not handled. */
  readonly lost: (handling: Handling, outcome: Outcome) => void;
}

/**
 * At most once: the message is gone before its handler starts, so that nothing can bring it again. A message whose
 * acknowledgement is not certain is not handled: it may come again.
 */
export class AcknowledgeFirstStation implements Station {
  readonly name = 'acknowledge-first';

  constructor(private readonly parts: AcknowledgeFirstParts) {}

  async enter(handling: Handling): Promise<Outcome | undefined> {
    return (await this.parts.acknowledge(handling)) ? undefined : LOST;
  }

  exit(handling: Handling, outcome: Outcome): Outcome {
    if (outcome.kind === 'ack') return outcome;
    this.parts.lost(handling, outcome);
    return LOST;
  }
}
