import type { Figures, Ratio, Row } from './summary.ts';

type Line = readonly string[];

const HEAD: Line = [
  'backend',
  'phase',
  'bytes',
  'conc',
  'contender',
  'msg/s',
  'CPU node',
  'CPU broker',
  'x limit',
  'x peers',
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

function throughputLine({ row, role, limit, peers }: Figures): Line {
  return [
    row.backend,
    row.phase,
    String(row.bytes),
    String(row.concurrency),
    row.contender,
    row.messagesPerSecond.toLocaleString('en-US'),
    row.cpuSecondsPer100k.toFixed(3),
    row.brokerCpuSecondsPer100k?.toFixed(3) ?? '-',
    limit === undefined ? '-' : both(limit),
    role === 'ours' ? toPeers(peers) : '-',
  ];
}

function both({ wall, cpu }: Ratio): string {
  return `${wall.toFixed(2)} (${cpu.toFixed(2)})`;
}

function toPeers(peers: Figures['peers']): string {
  const named = [...peers].map(([name, ratio]) => `${name} ${both(ratio)}`);
  return named.length === 0 ? '-' : named.join(', ');
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
    .map(({ row, role, peers }) => [
      row.contender,
      role,
      (1e9 / row.messagesPerSecond).toFixed(0),
      (row.cpuSecondsPer100k * 1e4).toFixed(0),
      ...(role === 'ours' ? [...peers.values()].map(both) : []),
    ]);
  return lines.length === 0 ? '' : aligned([['dispatch', 'role', 'ns', 'CPU ns', 'x peer'], ...lines], 2);
}

function aligned(lines: readonly Line[], numbersFrom = NUMBERS_FROM): string {
  const widths = (lines[0] ?? []).map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  const pad = (text: string, at: number): string =>
    at < numbersFrom ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}
