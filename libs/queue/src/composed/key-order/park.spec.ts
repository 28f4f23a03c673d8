import { jest } from '@jest/globals';
import { MemoryStore } from '../../backends/memory/memory.store.js';
import { NO_HEADERS } from '../../message/headers.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { Park, type ParkEntry, type ParkParts } from './park.js';
import type { ParkRecord } from './park-record.js';

const clock = new VirtualClock();
const CONTENT = { body: new Uint8Array([0, 255]), headers: NO_HEADERS };

function recordOf(id: string, given: Partial<ParkRecord> = {}): ParkRecord {
  const counts = { publishedAt: 1, attempts: 0, crashes: 0, failures: [] };
  return { id, topic: 't', key: 'a', ref: id, ...counts, ...given };
}

function parkOn(store: MemoryStore, given: Partial<ParkParts> = {}): Park {
  const parts = { holder: 'one', leaseMs: 1_000, broken: () => undefined };
  return new Park({ store, clock, subscription: 'ledger', ...parts, ...given });
}

async function idsIn(park: Park): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const entry of park.load()) ids.push(entry.record.id);
  return ids;
}

describe('a park', () => {
  it('keeps messages in the order in which they came, also over its holders', async () => {
    const store = new MemoryStore('spec', clock);
    const [one, other] = [parkOn(store), parkOn(store, { holder: 'other' })];
    await one.begin();
    const park = (holder: Park, id: string) =>
      holder.append([{ record: recordOf(id), content: CONTENT }], []);
    await Promise.all(Array.from({ length: 12 }, (_, at) => park(one, `m${at}`)));
    await other.begin();
    await park(other, 'last');
    expect(await idsIn(other)).toEqual([...Array.from({ length: 12 }, (_, at) => `m${at}`), 'last']);
    expect((await other.contentOf([1]))[0]).toEqual(CONTENT);
  });

  it('takes nothing from a holder whose time is over', async () => {
    const store = new MemoryStore('spec', clock);
    const broken: string[] = [];
    const [one, other] = [parkOn(store, { broken: ({ code }) => broken.push(code) }), parkOn(store)];
    await one.begin();
    const [entry] = await one.append([{ record: recordOf('a1'), content: CONTENT }], []);
    await other.begin();
    await expect(one.append([{ record: recordOf('a2'), content: CONTENT }], [])).rejects.toMatchObject({
      code: 'park_lost',
    });
    await expect(one.remove(entry as ParkEntry)).rejects.toMatchObject({ code: 'park_lost' });
    expect(broken).toEqual(['park_lost']);
    expect(await idsIn(other)).toEqual(['a1']);
  });

  it('lets the next holder wait, unless everything was given back', async () => {
    const store = new MemoryStore('spec', clock);
    const one = parkOn(store, { leaseMs: 1_000 });
    expect(await one.begin()).toBe(0);
    await one.promise(7_000);
    const other = parkOn(store, { leaseMs: 2_000 });
    expect(await other.begin()).toBe(7_000);
    await other.end();
    expect(await parkOn(store).begin()).toBe(0);
  });

  it('goes on with the others when one was changed by somebody else', async () => {
    const store = new MemoryStore('spec', clock);
    const park = parkOn(store);
    await park.begin();
    const messages = ['a1', 'a2'].map((id) => ({ record: recordOf(id), content: CONTENT }));
    const [first, second] = (await park.append(messages, [])) as [ParkEntry, ParkEntry];
    await store.write([{ op: 'delete', key: park.keys.at(first.seq) }]);
    const both = await Promise.all([
      park.update(first, recordOf('a1', { attempts: 1 })),
      park.update(second, recordOf('a2', { attempts: 1 })),
    ]);
    expect(both.map((entry) => entry?.record.attempts)).toEqual([undefined, 1]);
    expect(await idsIn(park)).toEqual(['a2']);
  });

  it('remembers for a day what the broker may bring again', async () => {
    const store = new MemoryStore('spec', clock);
    const one = parkOn(store);
    await one.begin();
    await one.append([{ record: recordOf('a1'), content: CONTENT }], ['ref-1', 'ref-2']);
    one.met('ref-2');
    await one.promise(9_000);
    const other = parkOn(store);
    await other.begin();
    expect([other.isExpected('ref-1'), other.isExpected('ref-2')]).toEqual([true, false]);
    await clock.advance(25 * 3_600_000);
    await other.promise(10_000);
    expect(other.isExpected('ref-1')).toBe(false);
  });

  it('writes what comes together in one go', async () => {
    const store = new MemoryStore('spec', clock);
    const park = parkOn(store);
    await park.begin();
    const write = jest.spyOn(store, 'write');
    await Promise.all(
      ['a1', 'a2', 'a3'].map((id) => park.append([{ record: recordOf(id), content: CONTENT }], [])),
    );
    expect(write).toHaveBeenCalledTimes(1);
  });
});
