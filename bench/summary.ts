import type { Cell, Run } from './plan.ts';
import type { Role } from './registry.ts';
import type { Measurement } from './meter.ts';

/** One line of the table. The first nine fields are the JSON. */
export interface Row {
  readonly backend: string;
  readonly contender: string;
  readonly phase: string;
  readonly bytes: number;
  readonly concurrency: number;
  readonly messagesPerSecond: number;
  readonly cpuSecondsPer100k: number;
  /** Speed over that of the limit, in wall time; for a latency, the limit's p50 over ours. null: nothing to compare. */
  readonly ratioToLimit: number | null;
  readonly ratioToPeer: number | null;
  readonly p50Micros?: number;
  readonly p99Micros?: number;
}

/** A row with what is shown but not written. */
export interface Figures {
  readonly row: Row;
  readonly role: Role;
  /** The same ratios in CPU time, which other processes of the machine disturb less. */
  readonly cpuRatioToLimit: number | null;
  readonly cpuRatioToPeer: number | null;
}

/** One repetition of one run. */
export interface Sample {
  readonly run: Run;
  readonly repetition: number;
  readonly measurement: Measurement;
}

type Cost = (measurement: Measurement) => number;

const wall: Cost = ({ seconds, messages, latencies }) =>
  latencies === undefined ? seconds / messages : quantile(latencies, 0.5);
const cpu: Cost = ({ cpuSeconds, messages }) => cpuSeconds / messages;

/** Medians over the repetitions. A ratio is taken within each repetition first. */
export function summarize(runs: readonly Run[], samples: readonly Sample[]): readonly Figures[] {
  return runs.flatMap((run) => {
    const own = samples.filter((sample) => sample.run === run);
    return own.length === 0 ? [] : [figures(run, own, samples)];
  });
}

function figures(run: Run, own: readonly Sample[], samples: readonly Sample[]): Figures {
  const compare = (role: Role, cost: Cost): number | null => {
    const ratios = own.flatMap((sample) => ratio(sample, opponent(sample, role, samples), cost));
    return ratios.length === 0 ? null : rounded(median(ratios));
  };
  return {
    row: {
      backend: run.cell.backend,
      contender: run.entry.name,
      phase: run.cell.phase,
      bytes: run.cell.bytes,
      concurrency: run.cell.concurrency,
      messagesPerSecond: Math.round(
        median(own.map(({ measurement: { messages, seconds } }) => messages / seconds)),
      ),
      cpuSecondsPer100k: rounded(median(own.map(({ measurement }) => cpu(measurement) * 1e5))),
      ratioToLimit: compare('limit', wall),
      ratioToPeer: compare('peer', wall),
      ...latency(own),
    },
    role: run.entry.role,
    cpuRatioToLimit: compare('limit', cpu),
    cpuRatioToPeer: compare('peer', cpu),
  };
}

function latency(own: readonly Sample[]): Pick<Row, 'p50Micros' | 'p99Micros'> {
  const taken = own.flatMap(({ measurement: { latencies } }) => (latencies === undefined ? [] : [latencies]));
  if (taken.length === 0) return {};
  const of = (share: number): number => Math.round(median(taken.map((all) => quantile(all, share))));
  return { p50Micros: of(0.5), p99Micros: of(0.99) };
}

/** Who has `role` in the same cell and repetition; one that knows no concurrency stands in every cell. */
function opponent(sample: Sample, role: Role, samples: readonly Sample[]): Sample | undefined {
  return samples.find(
    ({ run: { entry, cell }, repetition }) =>
      entry.role === role &&
      (entry.handler === undefined || entry.handler === sample.run.entry.handler) &&
      repetition === sample.repetition &&
      isSameCell(cell, sample.run.cell, entry.serial === true),
  );
}

function isSameCell(one: Cell, other: Cell, whateverConcurrency: boolean): boolean {
  return (
    one.backend === other.backend &&
    one.phase === other.phase &&
    one.bytes === other.bytes &&
    (whateverConcurrency || one.concurrency === other.concurrency)
  );
}

function ratio(own: Sample, other: Sample | undefined, cost: Cost): readonly number[] {
  return other === undefined ? [] : [cost(other.measurement) / cost(own.measurement)];
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)] ?? NaN, sorted[Math.ceil(at)] ?? NaN];
  return low + (high - low) * (at - Math.floor(at));
}

/** Three significant digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
