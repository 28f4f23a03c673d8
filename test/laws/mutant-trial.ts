import { ALL_LAWS, type Law, memoryFixture, type Mutant, MUTANTS, runLaw } from '@pigeonpost/queue/testing';

/** What became of one mutant. */
export interface Trial {
  readonly mutant: string;
  readonly caught: boolean;
  /** The law that noticed it, and how. */
  readonly caughtBy: string | undefined;
  readonly why: string | undefined;
}

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

async function tryMutant({ name, breaks, wrap }: Mutant): Promise<Trial> {
  for (const law of startingWith(breaks)) {
    const { id, verdict, why } = await runLaw(law, memoryFixture({}, wrap));
    if (verdict === 'failed') return { mutant: name, caught: true, caughtBy: id, why };
  }
  return { mutant: name, caught: false, caughtBy: undefined, why: undefined };
}

function startingWith(wanted: string): readonly Law[] {
  const isWanted = ({ id }: Law): boolean => id === wanted;
  return [...ALL_LAWS.filter(isWanted), ...ALL_LAWS.filter((law) => !isWanted(law))];
}
