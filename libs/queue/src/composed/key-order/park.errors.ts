import { QueueError } from '../../message/queue-error.js';
import { quote } from '../../message/names.js';

/** Another process writes into the park now: nothing that this one still knows of it counts. */
export class ParkLostError extends QueueError {
  readonly code = 'park_lost';

  constructor(subscription: string) {
    super(`the park of subscription ${quote(subscription)} was taken over by another process`);
  }
}

/** It is not known what the store has done: everything is read anew before anything is handed out. */
export class ParkUnavailableError extends QueueError {
  readonly code = 'park_unavailable';

  constructor(subscription: string, options: { cause: unknown }) {
    super(
      `the store did not write into the park of subscription ${quote(subscription)}: its order goes on when the store answers`,
      options,
    );
  }
}
