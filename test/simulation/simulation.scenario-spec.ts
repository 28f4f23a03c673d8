import { simulate } from '@pigeonpost/queue/testing';

const SEEDS = 200;
const STEPS = 200;
const BLOCK = 50;

// The first of the seeds that `npm run simulate` runs, so that every test run has some.
describe('simulated processes keep every promise', () => {
  const blocks = Array.from({ length: SEEDS / BLOCK }, (_, at) => 1 + at * BLOCK);

  it.each(blocks)(
    `from seed %i, ${BLOCK} seeds`,
    async (first) => {
      for (let seed = first; seed < first + BLOCK; seed++) {
        const { wrong } = await simulate({ seed, steps: STEPS });
        expect({ replay: `npm run simulate -- --seed ${seed} --steps ${STEPS}`, wrong }).toMatchObject({
          wrong: [],
        });
      }
    },
    60_000,
  );
});
