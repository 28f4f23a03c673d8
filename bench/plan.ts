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
  readonly load: Omit<Workload, 'directory' | 'broker'>;
}

/** Messages of a measurement: enough for some tenths of a second, and of a consumer for more than its warm-up. */
const USUAL: Readonly<Record<BackendName, Partial<Readonly<Record<Phase, number>>>>> = {
  memory: { publish: 300_000, consume: 300_000, 'publish+handle': 300_000 },
  sqlite: { publish: 15_000, consume: 15_000, latency: 200 },
  nest: { dispatch: 1_000_000 },
  postgres: { publish: 12_000, bulk: 20_000, consume: 50_000, latency: 200 },
  redis: { publish: 30_000, bulk: 40_000, consume: 50_000, latency: 200 },
  rabbitmq: { publish: 20_000, consume: 40_000, latency: 200 },
};
/** A broker takes long enough with one size; with others where they are asked for. */
const BROKER_SIZES = { bytes: [256], concurrency: [100] };
const SIZES: Readonly<Record<BackendName, Sizes>> = {
  memory: { bytes: [256, 4096], concurrency: [1, 10, 100] },
  sqlite: { bytes: [256, 4096], concurrency: [1, 10, 100] },
  nest: { bytes: [256], concurrency: [1] },
  postgres: BROKER_SIZES,
  redis: BROKER_SIZES,
  rabbitmq: BROKER_SIZES,
};
/** Of the messages that are counted, how many come before. */
const WARMUP = 0.25;

interface Sizes {
  readonly bytes: readonly number[];
  readonly concurrency: readonly number[];
}

/** Every run of one repetition; the contenders of a cell one after the other, so that they share its weather. */
export function plan(backend: BackendName, options: Options): readonly Run[] {
  const entries = ENTRIES.filter((entry) => entry.backend === backend);
  const usual = SIZES[backend];
  const sizes = {
    bytes: options.bytes ?? usual.bytes,
    concurrency: options.concurrency ?? usual.concurrency,
  };
  const phases = [...new Set(entries.flatMap((entry) => entry.phases))];
  return phases
    .filter((phase) => options.phases.includes(phase))
    .flatMap((phase) => cells(backend, phase, sizes))
    .flatMap((cell) =>
      entries
        .filter((entry) => takesPart(entry, cell, sizes))
        .map((entry) => ({ entry, cell, load: workload(entry, cell, options) })),
    );
}

/** Only where publishes and handlers are many at once is it a question how many. */
function cells(backend: BackendName, phase: Phase, { bytes, concurrency }: Sizes): readonly Cell[] {
  const isOne = phase === 'latency' || phase === 'dispatch';
  const widths = isOne || phase === 'bulk' ? concurrency.slice(0, 1) : concurrency;
  return (isOne ? bytes.slice(0, 1) : bytes).flatMap((size) =>
    widths.map((width) => ({ backend, phase, bytes: size, concurrency: width })),
  );
}

function takesPart(entry: Entry, cell: Cell, { concurrency }: Sizes): boolean {
  if (!entry.phases.includes(cell.phase)) return false;
  return entry.serial !== true || cell.concurrency === concurrency[0];
}

function workload(entry: Entry, cell: Cell, options: Options): Run['load'] {
  const { bytes, concurrency, phase } = cell;
  const share = phase === 'latency' ? 1 : (entry.share ?? 1);
  const messages = Math.max(50, Math.round((options.messages ?? usual(entry, cell)) * share));
  return {
    bytes,
    concurrency,
    messages,
    warmup: Math.ceil(messages * WARMUP),
    payload: options.payload,
    handler: entry.handler,
  };
}

function usual(entry: Entry, { backend, phase, concurrency }: Cell): number {
  const all = USUAL[backend][phase] ?? 0;
  if (phase !== 'publish' || backend === 'memory' || entry.serial === true) return all;
  // A publish that is awaited alone costs a flush of the disk's cache, or a round trip.
  return all * Math.min(1, 0.1 + concurrency / 20);
}
