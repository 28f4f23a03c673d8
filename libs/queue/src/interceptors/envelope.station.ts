import { NotAnEventError, openEnvelope } from '../message/envelope.js';
import { failed, type Outcome } from '../message/outcome.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** Opens the envelope. What cannot be opened is dead at once, its bytes as they came. */
export class EnvelopeStation implements Station {
  readonly name = 'envelope';

  enter(handling: Handling): Outcome | undefined {
    try {
      const event = openEnvelope(handling.delivery);
      handling.event = event;
      handling.data = event.data;
      return undefined;
    } catch (error) {
      return failed(error, error instanceof NotAnEventError ? 'not_an_event' : 'decode_error', true);
    }
  }
}

/** For a handler that asked for raw messages: bytes in, whatever they are. */
export class RawStation implements Station {
  readonly name = 'envelope';

  enter(handling: Handling): undefined {
    handling.data = handling.copyOfBytes();
    return undefined;
  }
}
