import { describe, expect, it } from '@jest/globals';
import { ALL_LAWS } from './all-laws.js';
import { mutatedFixture } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { runLaw } from './run-laws.js';

describe('the laws notice a backend, or a consumer, that', () => {
  it.each(MUTANTS)('$name', async (mutant) => {
    const law = ALL_LAWS.find(({ id }) => id === mutant.breaks);
    if (law === undefined) throw new Error(`there is no law ${mutant.breaks}`);
    const report = await runLaw(law, mutatedFixture(mutant));
    expect(report).toMatchObject({ verdict: 'failed', why: expect.any(String) });
  });
});
