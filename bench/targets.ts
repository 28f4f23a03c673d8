import type { Figures, Ratio, Row } from './summary.ts';

/** What this project means to reach, in ratios of one run. */
export interface Target {
  readonly what: string;
  readonly applies: (row: Row) => boolean;
  /** undefined: what it is compared with was not measured. */
  readonly value: (figures: Figures) => Value | undefined;
  readonly unit: string;
  readonly bound: { readonly least: number } | { readonly most: number };
}

export interface Value {
  readonly judged: number;
  /** The same in CPU time, shown because other processes may have had the machine. */
  readonly byCpu?: number;
}

type Compared = (figures: Figures) => Value | undefined;

const toLimit: Compared = ({ limit }) => valueOf(limit);
const toPeer =
  (name: string): Compared =>
  ({ peers }) =>
    valueOf(peers.get(name));
const toBestPeer: Compared = ({ peers }) => {
  const [closest] = [...peers.values()].sort((one, other) => one.wall - other.wall);
  return valueOf(closest);
};
/** How many times the limit's CPU time our own process takes. */
const nodeCpuOfLimit: Compared = ({ limit }) =>
  limit === undefined ? undefined : { judged: 1 / limit.nodeCpu };
const micros: Compared = ({ row }) => ({
  judged: 1e6 / row.messagesPerSecond,
  byCpu: row.cpuSecondsPer100k * 10,
});
const p50: Compared = ({ row }) => ({ judged: (row.p50Micros ?? NaN) / 1000 });

function valueOf(ratio: Ratio | undefined): Value | undefined {
  return ratio === undefined ? undefined : { judged: ratio.wall, byCpu: ratio.cpu };
}

/** A phase of a backend with 256 bytes and, where that is a question, 100 in flight. */
function cell(backend: string, phase: string): Target['applies'] {
  return (row) =>
    row.backend === backend &&
    row.phase === phase &&
    row.bytes === 256 &&
    (row.concurrency === 100 || phase === 'bulk');
}

function latency(backend: string): Target['applies'] {
  return (row) => row.backend === backend && row.phase === 'latency';
}

function dispatch(shape: string, most: number): Target {
  const applies = (row: Row): boolean => row.phase === 'dispatch' && row.contender.endsWith(shape);
  return { what: `dispatch, ${shape}`, applies, value: micros, unit: ' us', bound: { most } };
}

interface Comparison {
  readonly with: string;
  readonly value: Compared;
  readonly least: number;
}

const over = (name: string, least: number): Comparison => ({
  with: `over ${name}`,
  value: toPeer(name),
  least,
});
const overBest = (least: number): Comparison => ({ with: 'over the best peer', value: toBestPeer, least });
const ofLimit = (least: number): Comparison => ({ with: 'of the limit', value: toLimit, least });

function atLeast(what: string, applies: Target['applies'], ...all: readonly Comparison[]): readonly Target[] {
  return all.map(({ with: whom, value, least }) => ({
    what: `${what}, ${whom}`,
    applies,
    value,
    unit: 'x',
    bound: { least },
  }));
}

function median(backend: string, most: number): Target {
  const what = `${backend}, from publish to handler across two processes, p50`;
  return { what, applies: latency(backend), value: p50, unit: ' ms', bound: { most } };
}

function nodeCpu(backend: string, phase: string, most: number): Target {
  const what = `${backend}, ${phase}, CPU time of our process over that of the limit`;
  return { what, applies: cell(backend, phase), value: nodeCpuOfLimit, unit: 'x', bound: { most } };
}

const PUBLISH = 'awaited publishes, 100 in flight';
const CONSUME = 'handled and acknowledged one by one, 100 at once';

export const TARGETS: readonly Target[] = [
  ...atLeast(
    'memory, publish and handle (256 B, every concurrency)',
    (row) => row.backend === 'memory' && row.phase === 'publish+handle' && row.bytes === 256,
    over('fastq.promise', 1.5),
  ),
  dispatch('bare', 0.3),
  dispatch('guard + pipe', 0.6),
  dispatch('interceptor', 2),
  ...atLeast(`sqlite, ${PUBLISH}`, cell('sqlite', 'publish'), over('plainjob', 5), ofLimit(0.6)),
  ...atLeast(`sqlite, ${CONSUME}`, cell('sqlite', 'consume'), over('plainjob', 6), ofLimit(0.6)),
  median('sqlite', 1),
  ...atLeast(
    `postgres, ${PUBLISH}`,
    cell('postgres', 'publish'),
    over('graphile-worker', 20),
    over('pg-boss', 20),
    ofLimit(0.4),
  ),
  ...atLeast('postgres, 500 at once', cell('postgres', 'bulk'), overBest(1.3)),
  ...atLeast(`postgres, ${CONSUME}`, cell('postgres', 'consume'), over('graphile-worker', 2.5), ofLimit(0.6)),
  median('postgres', 3),
  ...atLeast(`redis, ${PUBLISH}`, cell('redis', 'publish'), over('BullMQ', 3), ofLimit(0.4)),
  ...atLeast(
    `redis, ${CONSUME}`,
    cell('redis', 'consume'),
    over('BullMQ', 5),
    over('bee-queue', 2),
    ofLimit(0.6),
  ),
  median('redis', 0.7),
  ...atLeast(`rabbitmq, ${PUBLISH}`, cell('rabbitmq', 'publish'), ofLimit(0.9)),
  nodeCpu('rabbitmq', 'publish', 1.1),
  ...atLeast(`rabbitmq, ${CONSUME}`, cell('rabbitmq', 'consume'), overBest(1.4), ofLimit(0.85)),
  nodeCpu('rabbitmq', 'consume', 1.1),
];
