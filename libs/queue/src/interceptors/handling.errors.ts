import { QueueError } from '../message/queue-error.js';

/** The handler took longer than its timeout. */
export class HandlerTimeoutError extends QueueError {
  readonly code = 'timeout';
}

/** The message now belongs to somebody else: whatever this handler still does, its outcome changes nothing. */
export class LeaseLostError extends QueueError {
  readonly code = 'lease_lost';
}

/** The event loop of the process stood still, so that leases could not be renewed in time. */
export class EventLoopBlockedError extends QueueError {
  readonly code = 'event_loop_blocked';

  constructor(lateMs: number, leaseMs: number) {
    super(
      `the event loop stood still for ${Math.round(lateMs)} ms, and leases of ${leaseMs} ms may have ended: run what computes in a ThreadPool, or give @Consume a longer \`lease\``,
    );
  }
}

/** The process is stopping and the handler's time is over. Its message is given back, uncounted. */
export class ShutdownError extends QueueError {
  readonly code = 'shutdown';
}

/** Handling this message has ended processes, or its lease ran out, too often. */
export class CrashLoopError extends QueueError {
  readonly code = 'crash_loop';
}

/** A message of a subscription whose handlers all take other ones. */
export class NoHandlerError extends QueueError {
  readonly code = 'no_handler';
}

/** The payload does not have the shape that its handler declared. `details` lists the issues. */
export class InvalidPayloadError extends QueueError {
  readonly code = 'invalid_payload';

  constructor(
    message: string,
    readonly details: unknown,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
