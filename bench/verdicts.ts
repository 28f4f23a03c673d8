import type { Figures } from './summary.ts';
import { type Target, TARGETS, type Value } from './targets.ts';

/** PASS or MISS for every target that was measured, by the worst of its cells. */
export function verdicts(all: readonly Figures[]): readonly string[] {
  return TARGETS.flatMap((target) => {
    const cells = all.filter(({ role, row }) => role === 'ours' && target.applies(row));
    const values = cells.map((figures) => target.value(figures)).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [verdict(target, worst(target, values))];
  });
}

function worst({ bound }: Target, values: readonly Value[]): Value {
  const sign = 'least' in bound ? 1 : -1;
  return values.reduce((one, other) => (sign * other.judged < sign * one.judged ? other : one));
}

function verdict({ what, unit, bound }: Target, { judged, byCpu }: Value): string {
  const [sign, limit] = 'least' in bound ? ['>=', bound.least] : ['<=', bound.most];
  const show = (value: number): string => `${value.toFixed(2)}${unit}`;
  const mark = (value: number): string =>
    ('least' in bound ? value >= limit : value <= limit) ? 'PASS' : 'MISS';
  const onCpu = byCpu === undefined ? '' : `, by CPU time ${show(byCpu)} ${mark(byCpu)}`;
  return `${mark(judged)}  ${what}: ${show(judged)} (${sign} ${limit}${unit})${onCpu}`;
}
