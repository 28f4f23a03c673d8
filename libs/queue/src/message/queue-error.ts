/**
 * Every error this library throws on purpose. `code` is stable across releases and safe to switch on; the
 * message names what, where and the remedy, and never holds a secret.
 */
export abstract class QueueError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }
}
