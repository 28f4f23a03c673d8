import { quote } from '../../message/names.js';
import { QueueError } from '../../message/queue-error.js';

/** The tables of the outbox or inbox are not as they must be, or its options are wrong. */
export class OutboxError extends QueueError {
  readonly code = 'outbox';

  constructor(table: string, why: string, options?: { cause?: unknown }) {
    super(`table ${quote(table)}: ${why}`, options);
  }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,47}(\.[A-Za-z_][A-Za-z0-9_]{0,47})?$/;

export function isTable(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/** The name goes into statements as it is, so it has to be harmless. */
export function checkTable(name: string): string {
  if (isTable(name)) return name;
  throw new OutboxError(
    name,
    "a name has 1 to 48 letters, digits or '_', no digit first, and may have a schema before a dot",
  );
}
