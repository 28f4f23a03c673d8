import type { CapabilityName } from '../backend/capabilities.js';
import { describeError } from '../message/error-info.js';
import type { BackendFixture } from './fixture.js';
import type { Law } from './law.js';
import { answerTo } from './law-answer.js';
import { LawBench } from './law-bench.js';

/** Everything that a report of the laws can say of one: the words of the command, of the pages and of the code. */
export const VERDICTS = [
  'passed',
  'refused as declared',
  'not applicable',
  'shown elsewhere',
  'not offered',
  'failed',
] as const;
/** What became of a law that was run. */
export type Verdict = Exclude<(typeof VERDICTS)[number], 'shown elsewhere' | 'not offered'>;

export interface LawReport {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** Why it does not apply, or how it was broken. */
  readonly why: string | undefined;
  readonly error: unknown;
  readonly proves: readonly CapabilityName[];
}

type Applied = readonly [verdict: Verdict, why: string | undefined];

/** Runs one law on a broker of its own. Never rejects: a broken law is a report. */
export async function runLaw(law: Law, fixture: BackendFixture): Promise<LawReport> {
  const { id, title, proves = [] } = law;
  try {
    const bench = await LawBench.open(await fixture.create());
    const [verdict, why] = await hold(law, bench);
    return { id, title, verdict, why, error: undefined, proves };
  } catch (error) {
    return { id, title, verdict: 'failed', why: describeError(error).message, error, proves };
  }
}

/** Applies the law and frees the bench; of two failures the law's own counts. */
async function hold(law: Law, bench: LawBench): Promise<Applied> {
  let applied: Applied;
  try {
    applied = await apply(law, bench);
  } catch (broken) {
    await bench.dispose().catch(() => undefined);
    throw broken;
  }
  await bench.dispose();
  return applied;
}

async function apply(law: Law, bench: LawBench): Promise<Applied> {
  const answer = answerTo(law, bench.capabilities, { remembers: bench.store !== undefined });
  if (answer === 'none') return ['not applicable', `needs ${law.gate?.needs}`];
  await law[answer]?.(bench);
  await bench.finish();
  return answer === 'does' ? ['passed', undefined] : ['refused as declared', `lacks ${law.gate?.needs}`];
}

/**
 * Runs them all, `atOnce` at a time: laws that wait for a real clock may well wait together. Those that need the process
 * for themselves come last, one by one. Answers in the order of the laws.
 */
export async function runLaws(
  laws: readonly Law[],
  fixture: BackendFixture,
  atOnce = 1,
): Promise<readonly LawReport[]> {
  const reports: LawReport[] = [];
  const together = [...laws.keys()].filter((at) => !laws[at]?.alone);
  const alone = [...laws.keys()].filter((at) => laws[at]?.alone);
  const runAll = async (places: number[]): Promise<void> => {
    for (let at = places.shift(); at !== undefined; at = places.shift())
      reports[at] = await runLaw(laws[at] as Law, fixture);
  };
  await Promise.all(Array.from({ length: atOnce }, () => runAll(together)));
  await runAll(alone);
  return reports;
}
