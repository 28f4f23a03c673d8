import type { Figures, Row } from './summary.ts';

interface Target {
  readonly what: string;
  readonly applies: (row: Row) => boolean;
  /** In wall time and in CPU time; the second is judged too where other processes may have had the machine. */
  readonly value: (figures: Figures) => Value;
  readonly unit: string;
  readonly bound: { readonly least: number } | { readonly most: number };
}

interface Value {
  readonly wall: number | null;
  readonly cpu: number | null;
}

const toPeer = ({ row, cpuRatioToPeer }: Figures): Value => ({ wall: row.ratioToPeer, cpu: cpuRatioToPeer });
const toLimit = ({ row, cpuRatioToLimit }: Figures): Value => ({
  wall: row.ratioToLimit,
  cpu: cpuRatioToLimit,
});
const micros = ({ row }: Figures): Value => ({
  wall: 1e6 / row.messagesPerSecond,
  cpu: row.cpuSecondsPer100k * 10,
});
const p50 = ({ row }: Figures): Value => ({ wall: (row.p50Micros ?? NaN) / 1000, cpu: null });

const memory = (row: Row): boolean => row.backend === 'memory' && row.phase === 'publish+handle';
const sqlite =
  (phase: string) =>
  (row: Row): boolean =>
    row.backend === 'sqlite' && row.phase === phase && row.concurrency === 100 && row.bytes === 256;
const dispatch =
  (shape: string) =>
  (row: Row): boolean =>
    row.phase === 'dispatch' && row.contender.endsWith(shape);

const TARGETS: readonly Target[] = [
  {
    what: 'memory, publish and handle, over fastq.promise (256 B, every concurrency)',
    applies: (row) => memory(row) && row.bytes === 256,
    value: toPeer,
    unit: 'x',
    bound: { least: 1.5 },
  },
  ...[
    { shape: 'bare', most: 0.3 },
    { shape: 'guard + pipe', most: 0.6 },
    { shape: 'interceptor', most: 2 },
  ].map(({ shape, most }) => ({
    what: `dispatch, ${shape}`,
    applies: dispatch(shape),
    value: micros,
    unit: ' us',
    bound: { most },
  })),
  ...[
    { phase: 'publish', what: 'sqlite, awaited publishes, 100 in flight', overPeer: 5 },
    { phase: 'consume', what: 'sqlite, handled and acknowledged one by one, 100 at once', overPeer: 6 },
  ].flatMap(({ phase, what, overPeer }) => [
    {
      what: `${what}, over plainjob`,
      applies: sqlite(phase),
      value: toPeer,
      unit: 'x',
      bound: { least: overPeer },
    },
    {
      what: `${what}, of the limit`,
      applies: sqlite(phase),
      value: toLimit,
      unit: 'x',
      bound: { least: 0.6 },
    },
  ]),
  {
    what: 'sqlite, from publish to handler across two processes, p50',
    applies: (row) => row.backend === 'sqlite' && row.phase === 'latency',
    value: p50,
    unit: ' ms',
    bound: { most: 1 },
  },
];

/** PASS or MISS for every target that was measured, by the worst of its cells. */
export function verdicts(all: readonly Figures[]): readonly string[] {
  return TARGETS.flatMap((target) => {
    const cells = all.filter(({ role, row }) => role === 'ours' && target.applies(row));
    const values = cells.map((figures) => target.value(figures)).filter(({ wall }) => wall !== null);
    return values.length === 0 ? [] : [verdict(target, worst(target, values))];
  });
}

function worst(target: Target, values: readonly Value[]): Value {
  const sign = 'least' in target.bound ? 1 : -1;
  return values.reduce((one, other) => (sign * (other.wall ?? NaN) < sign * (one.wall ?? NaN) ? other : one));
}

function verdict({ what, unit, bound }: Target, { wall, cpu }: Value): string {
  const [sign, limit] = 'least' in bound ? ['>=', bound.least] : ['<=', bound.most];
  const show = (value: number | null): string => (value === null ? '-' : `${value.toFixed(2)}${unit}`);
  const passes = (value: number): boolean => ('least' in bound ? value >= limit : value <= limit);
  const onCpu = cpu === null ? '' : `, by CPU time ${show(cpu)} ${passes(cpu) ? 'PASS' : 'MISS'}`;
  return `${passes(wall ?? NaN) ? 'PASS' : 'MISS'}  ${what}: ${show(wall)} (${sign} ${limit}${unit})${onCpu}`;
}
