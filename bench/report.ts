import type { Figures, Row } from './summary.ts';

type Line = readonly string[];

const HEAD: Line = [
  'backend',
  'phase',
  'bytes',
  'conc',
  'contender',
  'msg/s',
  'CPU-s/100k',
  'x limit',
  'x peer',
];
const NUMBERS_FROM = 5;

/** The table; ratios stand as `wall (CPU)`. */
export function table(all: readonly Figures[]): string {
  const lines = all.filter(({ row }) => isThroughput(row)).map(throughputLine);
  return lines.length === 0 ? '' : aligned([HEAD, ...lines]);
}

function isThroughput({ phase }: Row): boolean {
  return phase !== 'latency' && phase !== 'dispatch';
}

function throughputLine({ row, cpuRatioToLimit, cpuRatioToPeer }: Figures): Line {
  return [
    row.backend,
    row.phase,
    String(row.bytes),
    String(row.concurrency),
    row.contender,
    row.messagesPerSecond.toLocaleString('en-US'),
    row.cpuSecondsPer100k.toFixed(3),
    both(row.ratioToLimit, cpuRatioToLimit),
    both(row.ratioToPeer, cpuRatioToPeer),
  ];
}

function both(wall: number | null, cpu: number | null): string {
  return wall === null || cpu === null ? '-' : `${wall.toFixed(2)} (${cpu.toFixed(2)})`;
}

/** Times from the publish in one process to the handler in another, in microseconds. */
export function latencyTable(all: readonly Figures[]): string {
  const lines = all
    .filter(({ row }) => row.phase === 'latency')
    .map(({ row }) => [row.backend, row.contender, String(row.p50Micros), String(row.p99Micros)]);
  return lines.length === 0 ? '' : aligned([['latency', 'contender', 'p50 us', 'p99 us'], ...lines], 2);
}

/** What it costs to reach a handler's method, in nanoseconds of wall and of CPU time. */
export function dispatchTable(all: readonly Figures[]): string {
  const lines = all
    .filter(({ row }) => row.phase === 'dispatch')
    .map(({ row, role, cpuRatioToPeer }) => [
      row.contender,
      role,
      (1e9 / row.messagesPerSecond).toFixed(0),
      (row.cpuSecondsPer100k * 1e4).toFixed(0),
      both(row.ratioToPeer, cpuRatioToPeer),
    ]);
  return lines.length === 0 ? '' : aligned([['dispatch', 'role', 'ns', 'CPU ns', 'x peer'], ...lines], 2);
}

function aligned(lines: readonly Line[], numbersFrom = NUMBERS_FROM): string {
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (text: string, at: number): string =>
    at < numbersFrom ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}
