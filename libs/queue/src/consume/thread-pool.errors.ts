import { QueueError } from '../message/queue-error.js';

/** A thread ended while it worked, as by a crash or a lack of memory. What it worked on has failed; the process lives on. */
export class ThreadDiedError extends QueueError {
  readonly code = 'thread_died';
}

/** The pool was closed before the work was done. */
export class ThreadPoolClosedError extends QueueError {
  readonly code = 'thread_pool_closed';
}
