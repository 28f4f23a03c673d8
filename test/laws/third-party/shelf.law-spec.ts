// #region suite
import { factoryFixture, lawTests } from '@pigeonpost/queue/testing';
import { shelfBackend } from './shelf.backend.js';
import { Shelf } from './shelf.js';

const fixture = factoryFixture(shelfBackend, { broker: () => ({ shelf: new Shelf() }) });

describe('laws of shelf', () => {
  for (const { name, run } of lawTests(fixture)) it(name, run);
});
// #endregion

/** Says that it stored what it did not, now and then. */
class LeakyShelf extends Shelf {
  #count = 0;

  override put(...given: Parameters<Shelf['put']>): void {
    if (++this.#count % 50 !== 0) super.put(...given);
  }
}

describe('the suite', () => {
  it('fails for a shelf that loses one message in fifty, and names the laws', async () => {
    const leaky = factoryFixture(shelfBackend, { broker: () => ({ shelf: new LeakyShelf() }) });
    const failed: string[] = [];
    for (const { name, run } of lawTests(leaky)) await run().catch(() => failed.push(name));
    expect(failed).toContainEqual(expect.stringMatching(/^A9 /));
  });

  it('fails for a shelf that claims what no law has shown', async () => {
    const open: typeof shelfBackend.open = async (...given) => {
      const { backend } = await shelfBackend.open(...given);
      const boasting = { ...backend.capabilities, dedup: { windowMs: 1_000 } };
      Object.defineProperty(backend, 'capabilities', { value: boasting });
      return { backend };
    };
    const boaster = factoryFixture({ ...shelfBackend, open }, { broker: () => ({ shelf: new Shelf() }) });
    const claims = lawTests(boaster).at(-1);
    await expect(claims?.run()).rejects.toThrow(/no law has shown what shelf claims: .*dedup/);
  });
});
