import fc from 'fast-check';
import {
  memoryFixture,
  MUTANTS,
  mutatedFixture,
  runSeam,
  type SeamCommand,
  type SeamTimes,
} from '@pigeonpost/queue/testing';
import { describeWith } from '../brokers/broker-url.js';
import { BACKENDS } from './backends.js';

const RUNS = 25;
const LONGEST = 40;
const LONGEST_TEST_MS = 120_000;

/** Times, in ms, that the commands are drawn from. */
interface Drawn {
  readonly delays: readonly number[];
  readonly lives: readonly number[];
  readonly advances: readonly number[];
}

const VIRTUAL: Drawn = {
  delays: [0, 0, 5, 400, 1_000],
  lives: [0, 0, 700],
  advances: [1, 10, 399, 500, 1_500],
};
/** Nothing becomes due by what real time adds to the commands, and everything by an advance. */
const REAL: Drawn = { delays: [0, 0, 6_000], lives: [0, 0, 6_000], advances: [7_000] };
const REAL_TIMES: SeamTimes = { leaseMs: 6_000, momentMs: 60 };
const REAL_RUNS = 12;
const LONGEST_REAL = 14;

const receiver = fc.integer({ min: 0, max: 2 });

/** fast-check draws the commands, and leaves out what is not needed for a difference. */
function commandsWith({ delays, lives, advances }: Drawn, maxLength: number): fc.Arbitrary<SeamCommand[]> {
  const delayMs = fc.constantFrom(...delays);
  const command: fc.Arbitrary<SeamCommand> = fc.oneof(
    fc.record({
      do: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 4 }),
      delayMs,
      ttlMs: fc.constantFrom(...lives),
      priority: fc.integer({ min: 0, max: 2 }),
      key: fc.constantFrom(undefined, 'a', 'b'),
      direct: fc.constantFrom('shared' as const, 'shared' as const, 'direct' as const),
    }),
    fc.record({ do: fc.constant('receive' as const), receiver, max: fc.integer({ min: 1, max: 4 }) }),
    fc.record({
      do: fc.constantFrom(
        'ack' as const,
        'release' as const,
        'retry' as const,
        'dead' as const,
        'extend' as const,
      ),
      delivery: fc.integer({ min: 0, max: 4 }),
      delayMs,
    }),
    fc.record({ do: fc.constant('reopen' as const), receiver }),
    fc.record({
      do: fc.constant('purge' as const),
      state: fc.constantFrom('ready' as const, 'delayed' as const, 'held' as const, 'dead' as const),
    }),
    fc.record({ do: fc.constant('revive' as const) }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(...advances) }),
  );
  return fc.array(command, { minLength: 1, maxLength, size: 'max' });
}

const commands = commandsWith(VIRTUAL, LONGEST);

describe('a backend does, command by command, what memory does', () => {
  const others = BACKENDS.filter(
    (backend) => backend.fixture.name !== 'memory' && backend.needs === undefined,
  );

  it.each(others.map((backend) => [backend.fixture.name, backend] as const))(
    '%s',
    async (_name, { fixture }) => {
      const alike = fc.asyncProperty(commands, async (given) => {
        expect(await runSeam(fixture, given)).toEqual(await runSeam(memoryFixture(), given));
      });
      await fc.assert(alike, { numRuns: RUNS });
    },
    LONGEST_TEST_MS,
  );

  // On real time a run takes as long as it waits: so a few are drawn, and go together.
  for (const { fixture, needs, declared } of BACKENDS) {
    if (needs === undefined) continue;
    const { browse } = declared.capabilities;
    if (browse !== 'all') {
      it(`${fixture.name} is not compared: only its dead messages can be looked at`, () => {
        expect(browse).toBe('dead');
      });
      continue;
    }
    describeWith(needs, `${fixture.name}, on its own clock`, () => {
      const drawn = fc.sample(commandsWith(REAL, LONGEST_REAL), { numRuns: REAL_RUNS, seed: 7 });

      it(
        'does the same',
        async () => {
          const lines = await Promise.all(drawn.map((given) => runSeam(fixture, given, REAL_TIMES)));
          const wanted = await Promise.all(drawn.map((given) => runSeam(memoryFixture(), given, REAL_TIMES)));
          expect(lines).toEqual(wanted);
        },
        LONGEST_TEST_MS,
      );
    });
  }

  it('and one that does not is found, with few commands', async () => {
    const mutant = MUTANTS.find(({ name }) => name === 'acknowledges on failure') as (typeof MUTANTS)[0];
    const alike = fc.asyncProperty(commands, async (given) => {
      const [mutated, sound] = [
        await runSeam(mutatedFixture(mutant), given),
        await runSeam(memoryFixture(), given),
      ];
      return mutated.join() === sound.join();
    });
    const { failed, counterexample } = await fc.check(alike, { seed: 1, numRuns: 100 });
    expect(failed).toBe(true);
    const kinds = counterexample?.[0].map((each) => each.do) ?? [];
    expect(kinds).toEqual(expect.arrayContaining(['publish', 'receive', 'retry']));
    expect(kinds.length).toBeLessThan(6);
  });
});
