import type { PlanEntry } from '../policies/plan.js';
import type { HandlerPlan } from './handler.plan.js';

const HEAD = ['need', 'asked', 'answer', 'what is left'] as const;
type Row = readonly [string, string, string, string];

/** Text for people: a title line per handler, then a line per requirement, the columns of all handlers aligned. */
export function planTable(plans: readonly HandlerPlan[]): string {
  const blocks = plans.map((plan) => ({ title: titleOf(plan), rows: [HEAD, ...plan.entries.map(rowOf)] }));
  const widths = HEAD.map((_, column) =>
    Math.max(...blocks.flatMap(({ rows }) => rows.map((row) => (row[column] as string).length))),
  );
  const line = (row: Row): string =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join('  ')}`.trimEnd();
  return blocks.map(({ title, rows }) => [title, ...rows.map(line)].join('\n')).join('\n\n');
}

function titleOf({ handler, subscription, topics, backend }: HandlerPlan): string {
  if (subscription === undefined) return `${handler} declares ${countOf(topics)} on ${backend}`;
  return `${handler} handles "${subscription}" (${countOf(topics)}) from ${backend}`;
}

function countOf(topics: readonly string[]): string {
  return topics.length === 1 ? String(topics[0]) : `${topics.length} topics`;
}

function rowOf(entry: PlanEntry): Row {
  return [entry.need, entry.asked, answerOf(entry), leftOf(entry)];
}

function answerOf(entry: PlanEntry): string {
  return entry.answer === 'accepted' ? `accepted ${entry.anomaly}` : entry.answer;
}

function leftOf(entry: PlanEntry): string {
  switch (entry.answer) {
    case 'native':
    case 'accepted':
      return entry.leaves ?? '';
    case 'composed':
      return entry.leaves === undefined ? `by ${entry.by}` : `by ${entry.by}: ${entry.leaves}`;
    case 'refused':
      return `${entry.why}: ${entry.remedy}`;
  }
}
