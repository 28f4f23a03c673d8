import { describe, expect, it } from '@jest/globals';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { MemoryStore } from './memory.store.js';

function open(): { clock: VirtualClock; store: MemoryStore } {
  const clock = new VirtualClock();
  return { clock, store: new MemoryStore('m', clock) };
}

// What every store does, the laws say.
describe('MemoryStore', () => {
  it('forgets at the very end of the time to live', async () => {
    const { clock, store } = open();
    await store.write([{ op: 'put', key: 'k', value: 'v', ttlMs: 100 }]);
    await clock.advance(99);
    expect((await store.read(['k']))[0]?.expiresAt).toBe(clock.now() + 1);
    await clock.advance(1);
    expect(await store.read(['k'])).toEqual([undefined]);
    expect(await store.scan('', { limit: 9 })).toEqual([]);
    expect(await store.write([{ op: 'put', key: 'k', value: 'w', if: 'absent' }])).toMatchObject({
      ok: true,
    });
  });

  it('frees what expired while others are written', async () => {
    const { clock, store } = open();
    for (let n = 0; n < 100; n++) await store.write([{ op: 'put', key: `old${n}`, value: '', ttlMs: 1 }]);
    await clock.advance(1);
    for (let n = 0; n < 60; n++) await store.write([{ op: 'put', key: 'new', value: String(n) }]);
    expect(store.size).toBe(1);
  });

  it('refuses to write in a transaction', async () => {
    const { store } = open();
    const write = store.write([{ op: 'put', key: 'k', value: '' }], { tx: {} });
    await expect(write).rejects.toMatchObject({ code: 'unsupported' });
  });
});
