import type { Fact } from '../application/testimony.js';
import type { Told } from './producer.js';
import { reconcile } from './reconcile.js';

const told = (id: string, outcome: Told['outcome']): Told => ({ id, outcome, afterMs: 0 });
const delivered = (delivery: number, id: string): Fact => ({
  fact: 'delivered',
  delivery,
  id,
  ref: id,
  attempt: 1,
  crashes: 0,
  leaseMs: 1,
  at: 0,
});
const effect = (id: string): Fact => ({ fact: 'effect', id, pid: 1, at: 0 });
const settling = (act: number, delivery: number): Fact => ({
  fact: 'settling',
  act,
  delivery,
  kind: 'ack',
  leaseMs: 0,
  at: 0,
});
const settled = (act: number, result: string): Fact => ({ fact: 'settled', act, result });

describe('the books of a fault', () => {
  it('are right when everything stored was handled once, or is dead', () => {
    const facts = [delivered(1, 'a'), effect('a'), settling(1, 1), settled(1, 'ok')];
    expect(reconcile({ told: [told('a', 'stored'), told('b', 'stored')], facts, dead: ['b'] })).toEqual([]);
  });

  it('show what is lost, what came after it was refused, and what nobody sent', () => {
    const facts = [effect('refused'), effect('phantom')];
    const wrong = reconcile({ told: [told('lost', 'stored'), told('refused', 'refused')], facts, dead: [] });
    expect(wrong).toEqual([
      'lost was stored and is lost',
      'refused was refused and came all the same',
      'phantom came and was never sent',
    ]);
  });

  it('allow nothing and everything of what has an unknown outcome', () => {
    expect(
      reconcile({ told: [told('a', 'unknown'), told('b', 'unknown')], facts: [effect('a')], dead: [] }),
    ).toEqual([]);
  });

  it('allow a repeat for each delivery whose end the broker did not confirm, and no more', () => {
    const once = [delivered(1, 'a'), effect('a'), settling(1, 1)];
    const again = [delivered(2, 'a'), effect('a'), settling(2, 2), settled(2, 'ok')];
    expect(reconcile({ told: [told('a', 'stored')], facts: [...once, ...again], dead: [] })).toEqual([]);
    const confirmed = [...once, settled(1, 'ok'), ...again];
    expect(reconcile({ told: [told('a', 'stored')], facts: confirmed, dead: [] })).toEqual([
      'a was handled 2 times, and 1 can be explained',
    ]);
  });
});
