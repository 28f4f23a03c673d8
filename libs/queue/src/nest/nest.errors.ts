import { QueueError } from '../message/queue-error.js';

/** The module's options are wrong. The message names the option's path, never a secret's value. */
export class InvalidOptionsError extends QueueError {
  readonly code = 'invalid_options';
}

/** What the decorators of a handler say does not fit together, or not with the module's options. */
export class InvalidHandlerError extends QueueError {
  readonly code = 'invalid_handler';

  constructor(handler: string, why: string) {
    super(`${handler}: ${why}`);
  }
}

/** Two handlers of one process claim one subscription: each would get only a part of its messages. */
export class DuplicateSubscriptionError extends QueueError {
  readonly code = 'duplicate_subscription';

  constructor(subscription: string, first: string, second: string) {
    super(
      `subscription "${subscription}" is claimed by ${first} and by ${second}: give one of them another name, or provide its class once`,
    );
  }
}

/** `QueueModule.forRoot` was imported more than once: there would be two connections and two sets of consumers. */
export class DuplicateModuleError extends QueueError {
  readonly code = 'duplicate_module';

  constructor(count: number) {
    super(
      `QueueModule is configured ${count} times in this application: list all backends in one forRoot or forRootAsync`,
    );
  }
}

/** The broker does not have what the application declares, and `ensure: 'check'` forbids to create it. */
export class TopologyDriftError extends QueueError {
  readonly code = 'topology_drift';
}

/** A version of Nest whose container cannot be read. */
export class UnsupportedNestError extends QueueError {
  readonly code = 'unsupported_nest';
}

/** Handlers ask for what their backends cannot give. Says for each who asks for what, why not, and the remedy. */
export class PlanRefusedError extends QueueError {
  readonly code = 'plan_refused';

  constructor(
    /** One sentence each. */
    readonly refusals: readonly string[],
  ) {
    super(`the backends cannot give what the handlers ask for:\n- ${refusals.join('\n- ')}`);
  }
}

/** A plan was asked for that does not exist yet, or cannot be made in this way. */
export class NotPlannedError extends QueueError {
  readonly code = 'not_planned';
}
