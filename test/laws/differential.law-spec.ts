import fc from 'fast-check';
import { memoryFixture, MUTANTS, mutatedFixture, runSeam, type SeamCommand } from '@pigeonpost/queue/testing';
import { BACKENDS } from './backends.js';

const RUNS = 25;
const LONGEST = 40;
const LONGEST_TEST_MS = 120_000;

const delayMs = fc.constantFrom(0, 0, 5, 400, 1_000);
const receiver = fc.integer({ min: 0, max: 2 });

// fast-check draws the commands, and leaves out what is not needed for a difference.
const command: fc.Arbitrary<SeamCommand> = fc.oneof(
  fc.record({
    do: fc.constant('publish' as const),
    count: fc.integer({ min: 1, max: 4 }),
    delayMs,
    ttlMs: fc.constantFrom(0, 0, 700),
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
  fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 10, 399, 500, 1_500) }),
);
const commands = fc.array(command, { minLength: 1, maxLength: LONGEST, size: 'max' });

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
