import type { Phase, Workload } from './contender.ts';
import type { Options } from './options.ts';
import { type BackendName, type Entry, ENTRIES } from './registry.ts';

/** What contenders are compared within. */
export interface Cell {
  readonly backend: BackendName;
  readonly phase: Phase;
  readonly bytes: number;
  readonly concurrency: number;
}

/** One measurement that is made in every repetition. */
export interface Run {
  readonly entry: Entry;
  readonly cell: Cell;
  readonly load: Omit<Workload, 'directory'>;
}

const MEMORY_MESSAGES = 300_000;
const SQLITE_MESSAGES = 15_000;
const LATENCY_MESSAGES = 200;
const DISPATCHES = 1_000_000;
/** Of the messages that are counted, how many come before. */
const WARMUP = 0.25;

/** Every run of one repetition; the contenders of a cell one after the other, so that they share its weather. */
export function plan(options: Options): readonly Run[] {
  const entries = ENTRIES.filter(({ backend }) => options.backends.includes(backend));
  return cells(options, entries).flatMap((cell) =>
    entries
      .filter((entry) => takesPart(entry, cell, options))
      .map((entry) => ({ entry, cell, load: workload(entry, cell, options) })),
  );
}

function cells(options: Options, entries: readonly Entry[]): readonly Cell[] {
  const phases = new Map(
    entries.flatMap(({ backend, phases: known }) =>
      known.map((phase) => [`${backend} ${phase}`, { backend, phase }] as const),
    ),
  );
  return [...phases.values()]
    .filter(({ phase }) => options.phases.includes(phase))
    .flatMap((pair) => sizes(pair.phase, options).map((size) => ({ ...pair, ...size })));
}

/** Latency and dispatch have one cell only: neither the size nor the concurrency is the question there. */
function sizes(phase: Phase, options: Options): readonly Pick<Cell, 'bytes' | 'concurrency'>[] {
  const isOne = phase === 'latency' || phase === 'dispatch';
  const all = options.bytes.flatMap((bytes) =>
    options.concurrency.map((concurrency) => ({ bytes, concurrency })),
  );
  return isOne ? all.slice(0, 1) : all;
}

function takesPart(entry: Entry, cell: Cell, options: Options): boolean {
  if (entry.backend !== cell.backend || !entry.phases.includes(cell.phase)) return false;
  return entry.serial !== true || cell.concurrency === options.concurrency[0];
}

function workload(entry: Entry, cell: Cell, options: Options): Run['load'] {
  const all = options.messages ?? usual(entry, cell);
  const messages = Math.max(50, Math.round(all * (entry.share ?? 1)));
  const { bytes, concurrency } = cell;
  return {
    bytes,
    concurrency,
    messages,
    warmup: Math.ceil(messages * WARMUP),
    payload: options.payload,
    handler: entry.handler,
  };
}

/** Enough for some tenths of a second. */
function usual(entry: Entry, { backend, phase, concurrency }: Cell): number {
  if (phase === 'latency') return LATENCY_MESSAGES;
  if (phase === 'dispatch') return DISPATCHES;
  if (backend === 'memory') return MEMORY_MESSAGES;
  // Every publish that is awaited alone costs a flush of the disk's cache.
  const flushes = phase === 'publish' && entry.serial !== true ? Math.min(1, 0.1 + concurrency / 20) : 1;
  return SQLITE_MESSAGES * flushes;
}
