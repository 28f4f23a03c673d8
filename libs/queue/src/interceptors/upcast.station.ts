import type { DomainEvent } from '../message/event.js';
import { failed, type Outcome } from '../message/outcome.js';
import type { Upcasting } from '../policies/upcasting.js';
import { UnknownVersionError } from '../policies/upcasters.js';
import type { Handling } from './handling.js';
import type { Station } from './station.js';

/** Brings an event to the version that its handler knows. What cannot be brought there never can: dead at once. */
export class UpcastStation implements Station {
  readonly name = 'upcast';

  constructor(private readonly upcasting: Upcasting) {}

  enter(handling: Handling): Outcome | undefined {
    try {
      const event = this.upcasting.apply(handling.event as DomainEvent);
      handling.event = event;
      handling.data = event.data;
      return undefined;
    } catch (error) {
      return failed(error, error instanceof UnknownVersionError ? 'unknown_version' : 'upcast_error', true);
    }
  }
}
