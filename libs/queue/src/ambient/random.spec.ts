import { type Random, seededRandom, systemRandom } from './random.js';

const draw = (count: number, random: Random): number[] => Array.from({ length: count }, () => random.next());

it('the same seed gives the same numbers, another one others', () => {
  expect(draw(100, seededRandom(7))).toEqual(draw(100, seededRandom(7)));
  expect(draw(100, seededRandom(7))).not.toEqual(draw(100, seededRandom(8)));
});

it.each([['seeded', seededRandom(3)] as const, ['system', systemRandom] as const])(
  'numbers of the %s source are spread evenly over [0, 1)',
  (_name, random) => {
    const buckets = new Array<number>(10).fill(0);
    for (const value of draw(20_000, random)) {
      expect(value >= 0 && value < 1).toBe(true);
      buckets[Math.floor(value * 10)]!++;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(1_700);
  },
);
