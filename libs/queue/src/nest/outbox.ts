import { Logger } from '@nestjs/common';
import type { Ambient } from '../ambient/ambient.js';
import { OutboxBackend } from '../composed/outbox/outbox.backend.js';
import { type Duration, parseDuration } from '../policies/duration.js';
import type { ComposedBackend } from './lazy.backend.js';
import type { BackendConfig } from './queue.options.js';

/** The backend as it is, or with the outbox that its configuration asks for. */
export function withOutbox(
  { name, outbox }: BackendConfig,
  opened: ComposedBackend,
  ambient: Ambient,
): ComposedBackend {
  if (outbox === undefined) return opened;
  const { executor, table, batch, relay, poll, lease } = outbox;
  const logger = new Logger('QueueModule');
  const ms = (what: string, given: Duration | undefined): number | undefined =>
    given === undefined ? undefined : parseDuration(`backend "${name}", outbox.${what}`, given);
  const options = {
    executor,
    table,
    batch,
    relay,
    pollMs: ms('poll', poll),
    leaseMs: ms('lease', lease),
    onRefused: ({ id, topic }: { id: string; topic: string }, error: Error): void =>
      logger.error(`outbox of "${name}": message ${id} of ${topic} is put aside: ${error.message}`),
  };
  return { ...opened, backend: new OutboxBackend(opened.backend, options, ambient) };
}
