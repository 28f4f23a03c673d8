import type { Capabilities } from '@pigeonpost/queue';
import { ALL_LAWS, answerTo, type LawAnswer } from '@pigeonpost/queue/testing';
import { BACKENDS, type BackendUnderLaws } from '../backends.js';
import { capabilitiesOf } from '@pigeonpost/queue/testing';
import type { LawResult, Proof } from '../proof.js';

/** One backend in the tables. */
export interface Column {
  readonly name: string;
  /** Of a backend that nobody configured. */
  readonly capabilities: Capabilities;
  /** By the id of the law. */
  readonly results: ReadonlyMap<string, LawResult>;
}

const RESULT_OF: Readonly<Record<LawAnswer, LawResult>> = {
  does: 'passed',
  refuses: 'refused as declared',
  none: 'not applicable',
};

/** What the backends declare, and what the laws say of them if each is kept. Runs no law. */
export function declaredColumns(): Promise<readonly Column[]> {
  return Promise.all(BACKENDS.map(declared));
}

async function declared({ unconfigured }: BackendUnderLaws): Promise<Column> {
  const capabilities = await capabilitiesOf(unconfigured);
  const results = ALL_LAWS.map((law) => [law.id, RESULT_OF[answerTo(law, capabilities)]] as const);
  return { name: unconfigured.name, capabilities, results: new Map(results) };
}

/** What a run of the laws has shown of one backend. */
export async function provenColumn({ unconfigured }: BackendUnderLaws, { laws }: Proof): Promise<Column> {
  const results = laws.map(({ id, result }) => [id, result] as const);
  const capabilities = await capabilitiesOf(unconfigured);
  return { name: unconfigured.name, capabilities, results: new Map(results) };
}
