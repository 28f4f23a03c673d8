import type { Capabilities } from '@pigeonpost/queue';
import {
  ALL_LAWS,
  capabilitiesOf,
  type LawReport,
  NOT_OFFERED,
  runLaws,
  SHOWN_ELSEWHERE,
  unprovenClaims,
  type VERDICTS,
} from '@pigeonpost/queue/testing';
import type { BackendUnderLaws } from './backends.js';

/** What a run says of a law, also of one that nobody offers. */
export type LawResult = (typeof VERDICTS)[number];

export interface LawLine {
  readonly id: string;
  readonly title: string;
  readonly result: LawResult;
  /** What the backend lacks, why it is not offered, or how the law was broken. */
  readonly why?: string | undefined;
  readonly proves: readonly string[];
}

/** What the laws have shown about one backend. */
export interface Proof {
  readonly backend: string;
  readonly capabilities: Capabilities;
  /** Every law there is, the ones that nobody offers last. */
  readonly laws: readonly LawLine[];
  /** Capabilities that the backend claims and no law has shown. */
  readonly unproven: readonly string[];
  /** What was thrown, by the id of the failed law. */
  readonly errors: ReadonlyMap<string, unknown>;
}

/** Runs every law. Never rejects for a broken one. */
export async function prove({ fixture, atOnce }: BackendUnderLaws): Promise<Proof> {
  const capabilities = await capabilitiesOf(fixture);
  const reports = await runLaws(ALL_LAWS, fixture, atOnce);
  return {
    backend: fixture.name,
    capabilities,
    laws: [...reports.map(toLine), ...SHOWN_ELSEWHERE_LINES, ...NOT_OFFERED_LINES],
    unproven: unprovenClaims(capabilities, reports),
    errors: new Map(reports.filter(isFailed).map(({ id, error }) => [id, error])),
  };
}

export function isSound({ errors, unproven }: Proof): boolean {
  return errors.size === 0 && unproven.length === 0;
}

const SHOWN_ELSEWHERE_LINES = SHOWN_ELSEWHERE.map(({ id, title, by }): LawLine => ({
  id,
  title,
  result: 'shown elsewhere',
  why: by,
  proves: [],
}));

const NOT_OFFERED_LINES = NOT_OFFERED.map((promise): LawLine => ({
  ...promise,
  result: 'not offered',
  proves: [],
}));

function toLine({ id, title, verdict, why, proves }: LawReport): LawLine {
  return { id, title, result: verdict, why, proves };
}

function isFailed({ verdict }: LawReport): boolean {
  return verdict === 'failed';
}
