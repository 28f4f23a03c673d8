import { simulateOn } from './brokers.js';

const SEEDS = 200;
const STEPS = 200;
const BLOCK = 50;
const ON_SQLITE = 5;

// The first of the seeds that `npm run simulate` runs, so that every test run has some.
describe('simulated processes keep every promise', () => {
  const blocks = Array.from({ length: SEEDS / BLOCK }, (_, at) => 1 + at * BLOCK);

  it.each(blocks)(
    `from seed %i, ${BLOCK} seeds`,
    async (first) => {
      for (let seed = first; seed < first + BLOCK; seed++) {
        const { wrong } = await simulateOn('memory', { seed, steps: STEPS });
        expect({ replay: `npm run simulate -- --seed ${seed} --steps ${STEPS}`, wrong }).toMatchObject({
          wrong: [],
        });
      }
    },
    60_000,
  );

  it('with sqlite as their broker, too', async () => {
    for (let seed = 1; seed <= ON_SQLITE; seed++) {
      const { wrong } = await simulateOn('sqlite', { seed, steps: STEPS });
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    }
  }, 120_000);
});
