import type { Duration } from '../policies/duration.js';
import { describesHandler } from './handler-metadata.js';

export interface DeadLetterOptions {
  /** A message whose handling ended this many processes is dead. Default 3. */
  readonly maxCrashes?: number;
  /** Dead letters older than this are removed. Default: they are kept until somebody removes them. */
  readonly keep?: Duration;
}

/** When a message is given up that keeps ending processes, and how long what was given up is kept. */
export function DeadLetter(options: DeadLetterOptions): MethodDecorator {
  return describesHandler((before) => ({ ...before, deadLetter: { ...options } }));
}
