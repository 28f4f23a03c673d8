import { ALL_LAWS, FaultyBackend, memoryFixture, runLaw, seededRandom } from '@pigeonpost/queue/testing';

// A backend around a backend keeps what the inner one promises: here the one that injects faults, with none to inject.
describe('laws of memory behind another backend', () => {
  it.each(ALL_LAWS.map((law) => [`${law.id} ${law.title}`, law] as const))('%s', async (_name, law) => {
    const fixture = memoryFixture({}, (inner) => new FaultyBackend(inner, {}, seededRandom(1)));
    expect(await runLaw(law, fixture)).toMatchObject({ error: undefined });
  });
});
