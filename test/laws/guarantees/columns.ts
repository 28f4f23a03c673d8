import type { Capabilities } from '@pigeonpost/queue';
import { ALL_LAWS, answerTo, type LawAnswer } from '@pigeonpost/queue/testing';
import { BACKENDS, type BackendUnderLaws } from '../backends.js';
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

/** What the backends declare, and what the laws say of them if each is kept. Runs no law, and needs no broker. */
export function declaredColumns(): readonly Column[] {
  return BACKENDS.map(({ fixture: { name }, declared }) => {
    const { capabilities } = declared;
    const results = ALL_LAWS.map(
      (law) => [law.id, RESULT_OF[answerTo(law, capabilities, declared)]] as const,
    );
    return { name, capabilities, results: new Map(results) };
  });
}

/** What a run of the laws has shown of one backend. */
export function provenColumn({ fixture: { name }, declared }: BackendUnderLaws, { laws }: Proof): Column {
  const results = laws.map(({ id, result }) => [id, result] as const);
  return { name, capabilities: declared.capabilities, results: new Map(results) };
}
