import type { Cell, Run } from './plan.ts';
import type { Role } from './registry.ts';
import type { Measurement } from './meter.ts';

/** One line of the table, and one object of the JSON. */
export interface Row {
  readonly backend: string;
  readonly contender: string;
  readonly phase: string;
  readonly bytes: number;
  readonly concurrency: number;
  readonly messagesPerSecond: number;
  /** Of our own process. */
  readonly cpuSecondsPer100k: number;
  /** Of the broker's processes. null: there is none, or the system does not tell. */
  readonly brokerCpuSecondsPer100k: number | null;
  /** Speed over that of the limit, in wall time; for a latency, the limit's p50 over ours. null: nothing to compare. */
  readonly ratioToLimit: number | null;
  /** The same over each peer, by its name. */
  readonly ratiosToPeers: Readonly<Record<string, number>>;
  readonly p50Micros?: number;
  readonly p99Micros?: number;
}

/** How many times cheaper one contender is than another. */
export interface Ratio {
  readonly wall: number;
  /** Of process and broker together, which other processes of the machine disturb less. */
  readonly cpu: number;
  readonly nodeCpu: number;
}

/** A row with what is shown but not written. */
export interface Figures {
  readonly row: Row;
  readonly role: Role;
  readonly limit: Ratio | undefined;
  readonly peers: ReadonlyMap<string, Ratio>;
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
const nodeCpu: Cost = ({ cpuSeconds, messages }) => cpuSeconds / messages;
const brokerCpu: Cost = ({ brokerCpuSeconds = NaN, messages }) => brokerCpuSeconds / messages;
const cpu: Cost = ({ cpuSeconds, brokerCpuSeconds = 0, messages }) =>
  (cpuSeconds + brokerCpuSeconds) / messages;

/** Medians over the repetitions. A ratio is taken within each repetition first. */
export function summarize(runs: readonly Run[], samples: readonly Sample[]): readonly Figures[] {
  return runs.flatMap((run) => {
    const own = samples.filter((sample) => sample.run === run);
    return own.length === 0 ? [] : [figures(run, own, samples)];
  });
}

function figures(run: Run, own: readonly Sample[], samples: readonly Sample[]): Figures {
  const [limit] = compare('limit', own, samples).values();
  const peers = compare('peer', own, samples);
  const measurements = own.map(({ measurement }) => measurement);
  const broker = rounded(median(measurements.map(brokerCpu)) * 1e5);
  return {
    row: {
      backend: run.cell.backend,
      contender: run.entry.name,
      phase: run.cell.phase,
      bytes: run.cell.bytes,
      concurrency: run.cell.concurrency,
      messagesPerSecond: Math.round(median(measurements.map(({ messages, seconds }) => messages / seconds))),
      cpuSecondsPer100k: rounded(median(measurements.map(nodeCpu)) * 1e5),
      brokerCpuSecondsPer100k: Number.isNaN(broker) ? null : broker,
      ratioToLimit: limit?.wall ?? null,
      ratiosToPeers: Object.fromEntries([...peers].map(([name, { wall: ratio }]) => [name, ratio])),
      ...latency(own),
    },
    role: run.entry.role,
    limit,
    peers,
  };
}

/** With everybody who has `role` in the same cell, by name. */
function compare(role: Role, own: readonly Sample[], samples: readonly Sample[]): ReadonlyMap<string, Ratio> {
  const pairs = own.flatMap((sample) =>
    samples.filter((other) => isOpponent(sample, role, other)).map((other) => ({ sample, other })),
  );
  const ratio = (name: string, cost: Cost): number => {
    const named = pairs.filter(({ other }) => other.run.entry.name === name);
    return rounded(
      median(named.map(({ sample, other }) => cost(other.measurement) / cost(sample.measurement))),
    );
  };
  const names = new Set(pairs.map(({ other }) => other.run.entry.name));
  return new Map(
    [...names].map((name) => [
      name,
      { wall: ratio(name, wall), cpu: ratio(name, cpu), nodeCpu: ratio(name, nodeCpu) },
    ]),
  );
}

function latency(own: readonly Sample[]): Pick<Row, 'p50Micros' | 'p99Micros'> {
  const taken = own.flatMap(({ measurement: { latencies } }) => (latencies === undefined ? [] : [latencies]));
  if (taken.length === 0) return {};
  const of = (share: number): number => Math.round(median(taken.map((all) => quantile(all, share))));
  return { p50Micros: of(0.5), p99Micros: of(0.99) };
}

/** In the same cell and repetition; one that knows no concurrency stands in every cell. */
function isOpponent({ run, repetition }: Sample, role: Role, other: Sample): boolean {
  const { entry, cell } = other.run;
  return (
    entry.role === role &&
    (entry.handler === undefined || entry.handler === run.entry.handler) &&
    repetition === other.repetition &&
    isSameCell(cell, run.cell, entry.serial === true)
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
