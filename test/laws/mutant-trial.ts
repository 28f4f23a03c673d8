import {
  ALL_LAWS,
  type Law,
  memoryFixture,
  mutatedFixture,
  type Mutant,
  MUTANTS,
  runLaw,
  simulate,
} from '@pigeonpost/queue/testing';

/** What became of one mutant. */
export interface Trial {
  readonly mutant: string;
  readonly caught: boolean;
  /** The law that noticed it, and how. */
  readonly caughtBy: string | undefined;
  readonly why: string | undefined;
  /** The first seed whose simulation noticed it; undefined: none that was tried. */
  readonly seed: number | undefined;
}

/** How many simulations a mutant has to survive, and how long each is. */
const SEEDS = 10;
const STEPS = 200;

/** Ids of the laws that the unaltered backend breaks: what such a law catches proves nothing. */
export async function brokenWithoutMutant(): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const law of ALL_LAWS) {
    const { id, verdict } = await runLaw(law, memoryFixture());
    if (verdict === 'failed') broken.push(id);
  }
  return broken;
}

/** Puts every mutant of the memory backend in front of the laws, the one that it names first. */
export async function* tryMutants(): AsyncGenerator<Trial> {
  for (const mutant of MUTANTS) yield await tryMutant(mutant);
}

async function tryMutant(mutant: Mutant): Promise<Trial> {
  const { name } = mutant;
  const seed = await seedThatNotices(mutant);
  for (const law of startingWith(mutant.breaks)) {
    const { id, verdict, why } = await runLaw(law, mutatedFixture(mutant));
    if (verdict === 'failed') return { mutant: name, caught: true, caughtBy: id, why, seed };
  }
  return { mutant: name, caught: false, caughtBy: undefined, why: undefined, seed };
}

/** A mistake that processes only make together, laws may miss; and a simulation need not see what laws look at. */
async function seedThatNotices({ wrap, alter }: Mutant): Promise<number | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { wrong } = await simulate({ seed, steps: STEPS, wrap, alter });
    if (wrong.length > 0) return seed;
  }
  return undefined;
}

function startingWith(wanted: string): readonly Law[] {
  const isWanted = ({ id }: Law): boolean => id === wanted;
  return [...ALL_LAWS.filter(isWanted), ...ALL_LAWS.filter((law) => !isWanted(law))];
}
