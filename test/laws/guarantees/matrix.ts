import type { Capabilities, CapabilityName } from '@pigeonpost/queue';
import { ALL_LAWS, type Law } from '@pigeonpost/queue/testing';
import type { Column } from './columns.js';
import { type Guarantee, GUARANTEES } from './guarantees.js';
import { markdownTable } from './markdown-table.js';

type Name = CapabilityName;

export const EVERY_GUARANTEE = Object.keys(GUARANTEES) as readonly Name[];

/** What decides about a backend, for a page that has no room for all. */
const DECIDING: readonly Name[] = [
  'durable',
  'hosts',
  'confirm',
  'ack',
  'attempts',
  'delay',
  'order',
  'dead',
  'tx',
  'maxBytes',
];

/** Guarantees by backend, each with the laws that have shown it. */
export function fullMatrix(columns: readonly Column[]): string {
  const head = ['guarantee', ...columns.map(({ name }) => name), 'shown by laws'];
  return markdownTable([
    head,
    ...EVERY_GUARANTEE.map((name) => [...rowOf(name, columns), lawsOf(name, columns)]),
  ]);
}

/** The guarantees that decide, with each backend linked to its page. Links are relative to the root. */
export function shortMatrix(columns: readonly Column[]): string {
  const head = ['guarantee', ...columns.map(({ name }) => `[${name}](docs/backends/${name}.md)`)];
  return markdownTable([head, ...DECIDING.map((name) => rowOf(name, columns))]);
}

function rowOf(name: Name, columns: readonly Column[]): readonly string[] {
  return [GUARANTEES[name].title, ...columns.map(({ capabilities }) => said(name, capabilities))];
}

function said<Of extends Name>(name: Of, capabilities: Capabilities): string {
  const guarantee: Guarantee<Capabilities[Of]> = GUARANTEES[name];
  return guarantee.says(capabilities[name]);
}

function lawsOf(name: Name, columns: readonly Column[]): string {
  const proving = ALL_LAWS.filter(({ proves = [] }) => proves.includes(name));
  return proving.flatMap((law) => cited(law, columns)).join(', ') || 'none: nothing is promised';
}

/** The law's id, and the backends it was executed on if they are not all. */
function cited({ id }: Law, columns: readonly Column[]): readonly string[] {
  const executed = columns.filter(({ results }) => results.get(id) !== 'not applicable');
  if (executed.length === 0) return [];
  if (executed.length === columns.length) return [id];
  return [`${id} (${executed.map(({ name }) => name).join(', ')})`];
}
