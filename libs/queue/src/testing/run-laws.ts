import type { Capabilities } from '../backend/capabilities.js';
import { describeError } from '../message/error-info.js';
import type { BackendFixture } from './fixture.js';
import type { Law } from './law.js';
import { LawBench } from './law-bench.js';

export type Verdict = 'kept' | 'refused as it must' | 'not applicable' | 'broken';

export interface LawReport {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** Why it does not apply, or how it was broken. */
  readonly why: string | undefined;
  readonly error: unknown;
  readonly proves: readonly (keyof Capabilities)[];
}

/** Runs one law on a broker of its own. Never rejects: a broken law is a report. */
export async function runLaw(law: Law, fixture: BackendFixture): Promise<LawReport> {
  const { id, title, proves = [] } = law;
  let verdict: Verdict = 'kept';
  let why: string | undefined;
  let error: unknown;
  try {
    const bench = await LawBench.open(await fixture.create());
    try {
      [verdict, why] = await apply(law, bench);
    } finally {
      await bench.dispose();
    }
  } catch (thrown) {
    [verdict, why, error] = ['broken', describeError(thrown).message, thrown];
  }
  return { id, title, verdict, why, error, proves };
}

async function apply(law: Law, bench: LawBench): Promise<[Verdict, string | undefined]> {
  const lacking = law.gate !== undefined && !law.gate.met(bench.capabilities) ? law.gate.needs : undefined;
  if (lacking !== undefined && law.refuses === undefined) return ['not applicable', `needs ${lacking}`];
  await (lacking === undefined ? law.does : (law.refuses as Law['does']))(bench);
  await bench.finish();
  return lacking === undefined ? ['kept', undefined] : ['refused as it must', `lacks ${lacking}`];
}

/**
 * Runs them all, `atOnce` at a time: laws that wait for a real clock may well wait together. Answers in the order of
 * the laws.
 */
export async function runLaws(
  laws: readonly Law[],
  fixture: BackendFixture,
  atOnce = 1,
): Promise<readonly LawReport[]> {
  const reports: LawReport[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < laws.length; at = next++) reports[at] = await runLaw(laws[at] as Law, fixture);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return reports;
}
