import { ALL_LAWS } from '@pigeonpost/queue/testing';
import { describeWith } from '../brokers/broker-url.js';
import type { BackendUnderLaws } from './backends.js';
import { type Proof, prove } from './proof.js';
import { asSummary } from './proof.report.js';

/** On a real clock, on a machine that is busy with something else. */
const LONGEST_RUN_MS = 300_000;

/**
 * Makes a Jest test of each law, prints what became of them, and fails when a claimed capability was not shown. Without the
 * backend's broker one test says so.
 */
export function bindLaws(backend: BackendUnderLaws): void {
  const title = `laws of ${backend.fixture.name}`;
  if (backend.needs === undefined) describe(title, () => testLaws(backend));
  else describeWith(backend.needs, title, () => testLaws(backend));
}

function testLaws(backend: BackendUnderLaws): void {
  let proof: Proof | undefined;

  beforeAll(async () => {
    proof = await prove(backend);
  }, LONGEST_RUN_MS);

  it.each(ALL_LAWS.map(({ id, title }, at) => [`${id} ${title}`, at] as const))('%s', (_name, at) => {
    const law = proof?.laws[at];
    expect(law?.id).toBe(ALL_LAWS[at]?.id);
    if (law?.result === 'failed') throw proof?.errors.get(law.id);
  });

  it('were run on what is declared without the broker, but for the largest message', () => {
    expect({ ...proof?.capabilities, maxBytes: 0 }).toEqual({
      ...backend.declared.capabilities,
      maxBytes: 0,
    });
  });

  it('prove every capability that is claimed', () => {
    expect(proof?.unproven).toEqual([]);
  });

  afterAll(() => {
    if (proof !== undefined) process.stdout.write(asSummary(proof));
  });
}
