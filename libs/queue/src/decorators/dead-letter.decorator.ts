import { describesHandler } from './handler-metadata.js';

export interface DeadLetterOptions {
  /** A message whose handling ended this many processes is dead. Default 3. */
  readonly maxCrashes?: number;
}

/** When a message is given up that keeps ending processes. */
export function DeadLetter(options: DeadLetterOptions): MethodDecorator {
  return describesHandler((before) => ({ ...before, deadLetter: { ...options } }));
}
