import { describe, expect, it } from '@jest/globals';
import { ALL_LAWS } from './all-laws.js';
import { memoryFixture } from './memory-fixture.js';
import { MUTANTS } from './mutants.js';
import { runLaw } from './run-laws.js';

describe('the laws notice a backend that', () => {
  it.each(MUTANTS)('$name', async ({ breaks, wrap }) => {
    const law = ALL_LAWS.find(({ id }) => id === breaks);
    if (law === undefined) throw new Error(`there is no law ${breaks}`);
    const report = await runLaw(law, memoryFixture({}, wrap));
    expect(report).toMatchObject({ verdict: 'failed', why: expect.any(String) });
  });
});
