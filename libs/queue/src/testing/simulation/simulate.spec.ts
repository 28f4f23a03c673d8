import type { Backend } from '../../backend/backend.js';
import { AlteredBackend } from '../altered-backend.js';
import { commandsOf } from './commands.js';
import { shrink } from './shrink.js';
import { simulate, type SimulationRequest } from './simulate.js';

describe('a simulation', () => {
  it('is the same again for the same seed, and another one for another seed', async () => {
    const first = await simulate({ seed: 1, steps: 120 });
    expect(await simulate({ seed: 1, steps: 120 })).toMatchObject({ hash: first.hash, wrong: [] });
    expect((await simulate({ seed: 2, steps: 120 })).hash).not.toBe(first.hash);
    expect(first.story().length).toBeGreaterThan(120);
  });

  it('keeps every promise, whatever the seed', async () => {
    for (let seed = 100; seed < 130; seed++) {
      const { wrong } = await simulate({ seed, steps: 100 });
      expect({ seed, wrong }).toEqual({ seed, wrong: [] });
    }
  });

  it('draws another mix of commands for each seed', () => {
    const mixes = [1, 2, 3, 4].map((seed) => new Set(commandsOf(seed, 200).map(({ kind }) => kind)).size);
    expect(new Set(mixes).size).toBeGreaterThan(1);
    expect(commandsOf(7, 50)).toEqual(commandsOf(7, 50));
  });

  it('that goes wrong is told with no more commands than it needs', async () => {
    const request: SimulationRequest = {
      seed: 3,
      steps: 60,
      wrap: (backend) =>
        new AlteredBackend(backend, {
          settle: (acts, rightly) =>
            rightly(
              acts.map((act) => (act.kind === 'retry' ? { kind: 'ack', delivery: act.delivery } : act)),
            ),
        }),
    };
    const commands = [
      { kind: 'start', process: 0, subscription: 0 },
      { kind: 'skew', process: 1, ms: 300_000 },
      { kind: 'behave', next: 'throw' },
      { kind: 'publish', process: 2, count: 1, delayMs: 0, priority: 0, key: '' },
      { kind: 'advance', ms: 200 },
    ] as const;
    const found = await simulate({ ...request, commands });
    expect(found.wrong.join()).toMatch(/work\/m1 was confirmed and is nowhere/);
    const shortest = await shrink(found, (fewer) => simulate({ ...request, commands: fewer }));
    expect(shortest.commands.length).toBeLessThan(commands.length);
    expect(shortest.wrong).not.toEqual([]);
    expect(shortest.commands.map(({ kind }) => kind)).not.toContain('skew');
  });

  it('sees that a key goes on before its message has ended', async () => {
    const wrap = (backend: Backend): Backend =>
      new AlteredBackend(backend, {
        ensure: ({ subscriptions }) => ({
          subscriptions: subscriptions.map((each) => ({ ...each, order: undefined })),
        }),
        open: (spec) => ({ ...spec, order: undefined }),
      });
    const commands = [
      { kind: 'start', process: 0, subscription: 3 },
      { kind: 'behave', next: 'slow' },
      { kind: 'publish', process: 1, count: 3, delayMs: 0, priority: 0, key: 'k1' },
      { kind: 'advance', ms: 500 },
    ] as const;
    const unordered = await simulate({ seed: 1, steps: 4, commands, wrap });
    expect(unordered.wrong.join()).toMatch(/line\/m2 of key k1 was delivered before m1 had ended/);
    expect((await simulate({ seed: 1, steps: 4, commands })).wrong).toEqual([]);
  });
});
