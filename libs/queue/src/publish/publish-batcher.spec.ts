import {
  BackendClosedError,
  BackendUnavailableError,
  PublishOutcomeUnknownError,
} from '../backend/backend.errors.js';
import type { Backend, PublishResult } from '../backend/backend.js';
import type { Outgoing } from '../message/outgoing.js';
import { QueueError } from '../message/queue-error.js';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { PublishBatcher } from './publish-batcher.js';

const STORED: PublishResult = { status: 'stored', copies: 2 };

/** A backend whose answers the test gives. */
class Desk {
  readonly clock = new VirtualClock();
  readonly calls: string[][] = [];
  readonly answers: {
    resolve: (results: readonly PublishResult[]) => void;
    reject: (error: unknown) => void;
  }[] = [];
  /** Receipts and errors in the order they came. */
  readonly told: string[] = [];
  publish = (): Promise<readonly PublishResult[]> =>
    new Promise((resolve, reject) => void this.answers.push({ resolve, reject }));
  readonly batcher: PublishBatcher;

  constructor({ largest = 100, maxPending = 1_000 } = {}) {
    const backend = {
      name: 'main',
      capabilities: { batch: { publish: largest } },
      publish: (batch: readonly Outgoing[]) => {
        this.calls.push(batch.map(({ id }) => id));
        return this.publish();
      },
    } as unknown as Backend;
    this.batcher = new PublishBatcher({ backend, clock: this.clock, timeoutMs: 1_000, maxPending });
  }

  add(...ids: string[]): void {
    for (const id of ids) {
      this.batcher.add({ id } as Outgoing).then(
        (receipt) => this.told.push(`${receipt.id} ${receipt.copies}`),
        (error: unknown) =>
          this.told.push(`${id} ${error instanceof QueueError ? error.code : String(error)}`),
      );
    }
  }

  async answer(call: number, results: readonly PublishResult[]): Promise<void> {
    this.answers[call]?.resolve(results);
    await turns(1);
  }
}

describe('the publish batcher', () => {
  it('sends a publish that comes alone at once, without any timer', async () => {
    const desk = new Desk();
    desk.add('a');
    await Promise.resolve();
    expect(desk.calls).toEqual([['a']]);
    await desk.answer(0, [STORED]);
    expect(desk.told).toEqual(['a 2']);
  });

  it('ends a publish that waited behind a stuck call within its own timeout', async () => {
    const desk = new Desk();
    desk.add('a');
    await desk.clock.advance(500);
    desk.add('b');
    await desk.clock.advance(400);
    desk.add('c');
    await desk.clock.advance(100);
    expect([desk.told, desk.calls]).toEqual([['a publish_outcome_unknown'], [['a'], ['b', 'c']]]);
    await desk.clock.advance(499);
    expect(desk.told).toHaveLength(1);
    await desk.clock.advance(1);
    expect(desk.told.slice(1)).toEqual(['b publish_outcome_unknown']);
    await desk.answer(1, [STORED, STORED]);
    expect(desk.told.slice(2)).toEqual(['c 2']);
    desk.add('d');
    await turns(1);
    await desk.answer(2, [STORED]);
    expect(desk.told.slice(3)).toEqual(['d 2']);
    await desk.batcher.close();
    expect(desk.clock.pending).toBe(0);
  });

  it('refuses what was never sent in its time, so that it can be tried again', async () => {
    const desk = new Desk({ largest: 1 });
    desk.add('a');
    await turns(1);
    desk.add('b', 'c');
    await desk.clock.advance(1_000);
    expect(desk.told).toEqual(['b unavailable', 'c unavailable', 'a publish_outcome_unknown']);
    expect(desk.calls).toEqual([['a']]);
    await desk.batcher.close();
    expect(desk.clock.pending).toBe(0);
  });

  it('joins what one turn brings, and what comes while a call is under way', async () => {
    const desk = new Desk();
    desk.add('a', 'b', 'c');
    await turns(1);
    desk.add('d');
    await turns(1);
    desk.add('e');
    expect(desk.calls).toEqual([['a', 'b', 'c']]);
    await desk.answer(0, [STORED, STORED, STORED]);
    expect(desk.calls).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    await desk.answer(1, [STORED, STORED]);
    expect(desk.told).toEqual(['a 2', 'b 2', 'c 2', 'd 2', 'e 2']);
  });

  it('sends no more in one call than the backend takes', async () => {
    const desk = new Desk({ largest: 2 });
    desk.add('a', 'b', 'c', 'd', 'e');
    for (const size of [2, 2, 1]) {
      await turns(1);
      await desk.answer(desk.calls.length - 1, new Array<PublishResult>(size).fill(STORED));
    }
    expect(desk.calls).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(desk.told).toHaveLength(5);
  });

  it('tells each publisher about its own message', async () => {
    const desk = new Desk();
    const refused = new BackendUnavailableError('main', 'publish', 'full');
    desk.add('a', 'b', 'c');
    await turns(1);
    await desk.answer(0, [
      { status: 'refused', error: refused },
      STORED,
      { status: 'unknown', error: new PublishOutcomeUnknownError('?') },
    ]);
    expect(desk.told).toEqual(['a unavailable', 'b 2', 'c publish_outcome_unknown']);
  });

  it('calls a message unknown that the backend forgot in its answer', async () => {
    const desk = new Desk();
    desk.add('a', 'b');
    await turns(1);
    await desk.answer(0, [STORED]);
    expect(desk.told).toEqual(['a 2', 'b publish_outcome_unknown']);
  });

  it('waits no longer than the timeout, and then goes on with what waited', async () => {
    const desk = new Desk();
    desk.add('a');
    await desk.clock.advance(500);
    desk.add('b');
    await desk.clock.advance(499);
    expect(desk.told).toEqual([]);
    await desk.clock.advance(1);
    expect(desk.told).toEqual(['a publish_outcome_unknown']);
    expect(desk.calls).toEqual([['a'], ['b']]);
    await desk.answer(0, [STORED]); // too late
    desk.add('c');
    await turns(1);
    expect(desk.calls).toHaveLength(2); // the second call is still the one under way
    await desk.answer(1, [STORED]);
    expect(desk.told).toEqual(['a publish_outcome_unknown', 'b 2']);
  });

  it('gives each call its own time', async () => {
    const desk = new Desk();
    desk.add('a');
    await desk.clock.advance(900);
    await desk.answer(0, [STORED]);
    desk.add('b');
    await desk.clock.advance(999);
    expect(desk.told).toEqual(['a 2']);
    await desk.clock.advance(1);
    expect(desk.told).toEqual(['a 2', 'b publish_outcome_unknown']);
    expect(desk.clock.pending).toBe(0);
  });

  it.each<[string, (desk: Desk) => void, string]>([
    [
      'rejects as a whole',
      (desk) => desk.answers[0]?.reject(new BackendClosedError('main', 'publish')),
      'closed',
    ],
    ['breaks', (desk) => desk.answers[0]?.reject(new TypeError('x')), 'publish_outcome_unknown'],
  ])('tells every publisher of a call that %s', async (_how, end, code) => {
    const desk = new Desk();
    desk.add('a', 'b');
    await turns(1);
    end(desk);
    await turns(1);
    expect(desk.told).toEqual([`a ${code}`, `b ${code}`]);
    desk.add('c');
    await turns(1);
    expect(desk.calls).toHaveLength(2);
  });

  it('survives a backend that throws on the spot', async () => {
    const desk = new Desk();
    desk.publish = () => {
      throw new TypeError('x');
    };
    desk.add('a');
    await turns(1);
    expect(desk.told).toEqual(['a publish_outcome_unknown']);
  });

  it('refuses what would wait in too long a line', async () => {
    const desk = new Desk({ largest: 1, maxPending: 2 });
    desk.add('a');
    await turns(1);
    desk.add('b', 'c', 'd');
    await turns(1);
    expect(desk.told).toEqual(['d unavailable']);
    await desk.answer(0, [STORED]);
    desk.add('e');
    await turns(1);
    expect(desk.told).toEqual(['d unavailable', 'a 2']);
  });

  it('closes when everything has its result, refuses what comes later, and leaves no timer', async () => {
    const desk = new Desk({ largest: 1 });
    let closed = 0;
    desk.add('a', 'b');
    await turns(1);
    const closing = [desk.batcher.close(), desk.batcher.close()];
    for (const each of closing) void each.then(() => closed++);
    desk.add('c');
    await desk.answer(0, [STORED]);
    expect(closed).toBe(0);
    expect(desk.told).toEqual(['c closed', 'a 2']);
    await desk.answer(1, [STORED]);
    expect(closed).toBe(2);
    expect(desk.told).toEqual(['c closed', 'a 2', 'b 2']);
    expect(desk.clock.pending).toBe(0);
    expect(desk.batcher.closed).toBe(true);
  });

  it('closes at once when nothing is under way', async () => {
    const desk = new Desk();
    await desk.batcher.close();
    expect(desk.calls).toEqual([]);
  });
});
