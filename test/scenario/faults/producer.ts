import { type Bus, QueueError } from '@pigeonpost/queue';
import { setTimeout as rest } from 'node:timers/promises';
import type { Work } from '../application/worker.options.js';

/** What a producer was told of one message: `sent`, nothing yet. */
export interface Told {
  readonly id: string;
  readonly outcome: 'sent' | 'stored' | 'refused' | 'unknown';
  /** How long it took to tell. */
  readonly afterMs: number;
}

export interface Burst {
  /** First part of the ids. */
  readonly name: string;
  readonly count: number;
  /** How many publishes wait for their answers at a time. */
  readonly atOnce: number;
  /** How long each of them rests after an answer. Default: not at all. */
  readonly restMs?: number;
  /** Added to every message, to make it long. */
  readonly padding?: string;
}

const UNKNOWN = 'publish_outcome_unknown';

/** Publishes one message after the other in so many lanes, until it is told to stop, tries none twice, and notes what it was told. */
export async function produce(
  bus: Bus,
  { name, count, atOnce, restMs, padding }: Burst,
  { note, stop }: { readonly note: (told: Told) => void; readonly stop?: AbortSignal },
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count && stop?.aborted !== true) {
      await publish(bus, { id: `${name}-${next++}`, ...(padding && { padding }) }, note);
      if (restMs !== undefined) await rest(restMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function publish(bus: Bus, work: Work, note: (told: Told) => void): Promise<void> {
  const { id } = work;
  const startedAt = performance.now();
  note({ id, outcome: 'sent', afterMs: 0 });
  const outcome = await bus.publish('orders', work, { id }).then(
    () => 'stored' as const,
    (error: unknown) => (isUnknown(error) ? ('unknown' as const) : ('refused' as const)),
  );
  note({ id, outcome, afterMs: performance.now() - startedAt });
}

function isUnknown(error: unknown): boolean {
  if (!(error instanceof QueueError)) throw error;
  return error.code === UNKNOWN;
}
