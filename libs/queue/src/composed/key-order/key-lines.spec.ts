import { delivery } from '../../message/delivery.fixture.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { KeyLines } from './key-lines.js';
import type { ParkEntry } from './park.js';
import type { Place } from './place.js';

const KEYS = 100_000;

function arrive(lines: KeyLines, key: string): Place {
  const place = lines.newPlace();
  place.original = delivery({ key });
  place.name = `ref-${place.number}`;
  lines.known.set(place.name, place);
  lines.join(place, key);
  return place;
}

function parkedUntil(dueAt: number): ParkEntry {
  const counts = { ref: undefined, publishedAt: 0, attempts: 1, crashes: 0, failures: [] };
  return { seq: 1, version: 1, record: { id: 'm', topic: 't', key: 'a', dueAt, ...counts } };
}

describe('the lines of keys', () => {
  it('keep nothing of keys that are done with', () => {
    const lines = new KeyLines(new VirtualClock(), () => undefined);
    const places = Array.from({ length: KEYS }, (_, at) => arrive(lines, `key-${at}`));
    expect([lines.keys, lines.ready.length]).toEqual([KEYS, KEYS]);
    lines.ready.length = 0; // all are handed out
    for (const place of places) {
      place.state = 'out';
      lines.end(place);
    }
    expect([lines.keys, lines.known.size, lines.held.size]).toEqual([0, 0, 0]);
  });

  it('hand out what is given back before what came later', () => {
    const lines = new KeyLines(new VirtualClock(), () => undefined);
    const [a, b, c] = ['a', 'b', 'c'].map((key) => arrive(lines, key)) as [Place, Place, Place];
    lines.ready.splice(0, 2);
    for (const place of [b, a]) {
      place.state = 'waiting';
      lines.look(place);
    }
    expect(lines.ready).toEqual([a, b, c]);
  });

  it('let the next one of a key have its turn when the first one leaves, and wait for one that is not due', async () => {
    const clock = new VirtualClock();
    let due = 0;
    const lines = new KeyLines(clock, () => due++);
    const [first, second] = [arrive(lines, 'a'), arrive(lines, 'a')];
    expect([first.state, second.state]).toEqual(['ready', 'waiting']);
    lines.hold(first);
    first.entry = parkedUntil(clock.now() + 500);
    lines.look(first);
    expect([first.state, second.state, clock.pending]).toEqual(['resting', 'waiting', 1]);
    await clock.advance(500);
    expect([due, lines.uncounted]).toEqual([1, [first]]);
    lines.end(first);
    expect([second.state, lines.ready, lines.uncounted]).toEqual(['ready', [second], []]);
    lines.stop();
    expect(clock.pending).toBe(0);
  });
});
