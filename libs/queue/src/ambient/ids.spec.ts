import { UuidV7Ids } from './ids.js';
import { seededRandom } from './random.js';

const NOW = Date.UTC(2030, 0, 1);
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const mint = (count: number, ids: UuidV7Ids, nowMs = NOW): string[] =>
  Array.from({ length: count }, () => ids.next(nowMs));

describe('UuidV7Ids', () => {
  it('makes UUIDs of version 7 that begin with the time', () => {
    const ids = new UuidV7Ids(seededRandom(1));
    for (const nowMs of [0, 1, NOW, NOW + 0.75, 2 ** 48 - 1]) {
      const id = ids.next(nowMs);
      expect(id).toMatch(UUID_V7);
      expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(Math.floor(nowMs));
    }
    expect(ids.next(-5)).toMatch(UUID_V7);
  });

  it('fills version and variant whatever the dice say', () => {
    for (const value of [0, 0.5, 1 - 2 ** -32]) {
      expect(new UuidV7Ids({ next: () => value }).next(NOW)).toMatch(UUID_V7);
    }
  });

  it('sorts by creation, within a millisecond too', () => {
    const ids = new UuidV7Ids(seededRandom(2));
    const minted = [...mint(70_000, ids), ...mint(3, ids, NOW + 1), ...mint(3, ids, NOW + 256)];
    expect(minted.toSorted()).toEqual(minted);
    expect(new Set(minted).size).toBe(minted.length);
  });

  it('draws a new prefix when its counter is used up', () => {
    const ids = new UuidV7Ids(seededRandom(3));
    const first = ids.next(NOW);
    let last = first;
    for (let count = 1; count < 0x1000000; count++) last = ids.next(NOW);
    expect(last).toBe(`${first.slice(0, 30)}ffffff`);
    const next = ids.next(NOW);
    expect(next).toMatch(UUID_V7);
    expect(next.slice(0, 30)).not.toBe(first.slice(0, 30));
  });

  it('makes others in another process', () => {
    expect(new UuidV7Ids(seededRandom(4)).next(NOW)).not.toBe(new UuidV7Ids(seededRandom(5)).next(NOW));
  });
});
