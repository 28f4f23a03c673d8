import type { Logger } from '@nestjs/common';
import { describeError } from '../message/error-info.js';

/** A logger of the application that throws must not take the caller with it. */
export function sayTo(logger: Logger, level: 'log' | 'warn' | 'error', text: string): void {
  try {
    logger[level](text);
  } catch (error) {
    process.emitWarning(`the application's logger failed (${describeError(error).message}) at: ${text}`);
  }
}
