import type { Backend, PublishAnswers, PublishResult } from '../backend/backend.js';
import { PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import type { Outgoing } from '../message/outgoing.js';
import { QueueError } from '../message/queue-error.js';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { PublishBatcher } from './publish-batcher.js';

const STORED: PublishResult = { status: 'stored', copies: undefined };

interface Call {
  readonly ids: readonly string[];
  readonly answers: PublishAnswers;
}

/** A backend that confirms messages one by one, when the test says so. */
class Counter {
  readonly clock = new VirtualClock();
  readonly calls: Call[] = [];
  /** Receipts and errors in the order they came. */
  readonly told: string[] = [];
  publishEach: Backend['publishEach'] = (batch, answers) =>
    void this.calls.push({ ids: batch.map(({ id }) => id), answers });
  readonly batcher: PublishBatcher;
  readonly roundTrips: ((results: readonly PublishResult[]) => void)[] = [];

  constructor({ largest = 100, maxPending = 1_000 } = {}) {
    const each = (): Backend['publishEach'] => this.publishEach;
    const backend = {
      name: 'main',
      capabilities: { batch: { publish: largest } },
      publish: () => new Promise((resolve) => void this.roundTrips.push(resolve)),
      get publishEach() {
        return each();
      },
    } as unknown as Backend;
    this.batcher = new PublishBatcher({ backend, clock: this.clock, timeoutMs: 1_000, maxPending });
  }

  async add(...ids: string[]): Promise<void> {
    for (const id of ids) {
      this.batcher.add({ id } as Outgoing).then(
        () => this.told.push(id),
        (error: unknown) =>
          this.told.push(`${id} ${error instanceof QueueError ? error.code : String(error)}`),
      );
    }
    await turns(1);
  }

  async answer(call: number, at: number, result: PublishResult = STORED): Promise<void> {
    this.calls[call]?.answers.answered(at, result);
    await turns(1);
  }

  get sent(): readonly (readonly string[])[] {
    return this.calls.map(({ ids }) => ids);
  }
}

describe('calls that need not wait for one another', () => {
  it('take what each turn brings at once, in its order', async () => {
    const counter = new Counter();
    await counter.add('a', 'b');
    await counter.add('c');
    await counter.add('d', 'e');
    expect(counter.sent).toEqual([['a', 'b'], ['c'], ['d', 'e']]);
  });

  it('take no more each than the backend takes, and lose nobody', async () => {
    const counter = new Counter({ largest: 2 });
    await counter.add('a', 'b', 'c', 'd', 'e');
    expect(counter.sent).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('tell each publisher as soon as his own message has its result', async () => {
    const counter = new Counter();
    await counter.add('a', 'b');
    await counter.add('c');
    await counter.answer(1, 0);
    await counter.answer(0, 1, { status: 'unknown', error: new PublishOutcomeUnknownError('?') });
    expect(counter.told).toEqual(['c', 'b publish_outcome_unknown']);
    await counter.answer(0, 0);
    expect(counter.told.slice(2)).toEqual(['a']);
  });

  it('end each message once, by its first result', async () => {
    const counter = new Counter();
    await counter.add('a', 'b');
    await counter.answer(0, 0);
    await counter.answer(0, 0, { status: 'unknown', error: new PublishOutcomeUnknownError('?') });
    await counter.answer(0, 7);
    let closed = false;
    void counter.batcher.close().then(() => (closed = true));
    await turns(1);
    expect([counter.told, closed]).toEqual([['a'], false]); // b is still under way
    await counter.answer(0, 1);
    expect([counter.told, closed]).toEqual([['a', 'b'], true]);
  });

  it('have each their own time, and what came of a late one changes nothing', async () => {
    const counter = new Counter();
    await counter.add('a', 'b');
    await counter.clock.advance(400);
    await counter.add('c');
    await counter.clock.advance(400);
    await counter.answer(0, 0);
    await counter.clock.advance(200);
    expect(counter.told).toEqual(['a', 'b publish_outcome_unknown']);
    await counter.answer(0, 1); // too late
    await counter.clock.advance(399);
    expect(counter.told).toHaveLength(2);
    await counter.clock.advance(1);
    expect(counter.told.slice(2)).toEqual(['c publish_outcome_unknown']);
    await counter.clock.advance(1_000);
    expect(counter.clock.pending).toBe(0); // nothing is under way
  });

  it('count what has no result against the longest line', async () => {
    const counter = new Counter({ maxPending: 3 });
    await counter.add('a', 'b');
    await counter.add('c', 'd');
    expect(counter.told).toEqual(['d unavailable']);
    await counter.answer(0, 1);
    await counter.add('e');
    expect(counter.told).toEqual(['d unavailable', 'b']);
    expect(counter.sent).toEqual([['a', 'b'], ['c'], ['e']]);
  });

  it('may have their answers before they return', async () => {
    const counter = new Counter();
    counter.publishEach = (batch, answers) => batch.forEach((_, at) => answers.answered(at, STORED));
    await counter.add('a', 'b');
    expect(counter.told).toEqual(['a', 'b']);
    expect(counter.clock.pending).toBe(0);
  });

  it('tell every publisher of one that broke', async () => {
    const counter = new Counter();
    counter.publishEach = () => {
      throw new TypeError('x');
    };
    await counter.add('a', 'b');
    expect(counter.told).toEqual(['a publish_outcome_unknown', 'b publish_outcome_unknown']);
  });

  it('close when all are over, and refuse what comes later', async () => {
    const counter = new Counter();
    await counter.add('a');
    await counter.add('b');
    let closed = false;
    void counter.batcher.close().then(() => (closed = true));
    await counter.add('c');
    await counter.answer(1, 0);
    expect([counter.told, closed]).toEqual([['c closed', 'b'], false]);
    await counter.answer(0, 0);
    expect([counter.told.slice(2), closed, counter.clock.pending]).toEqual([['a'], true, 0]);
  });

  it('wait for a round trip that began before the backend could tell of each', async () => {
    const counter = new Counter();
    const { publishEach } = counter;
    counter.publishEach = undefined;
    await counter.add('a');
    counter.publishEach = publishEach;
    await counter.add('b');
    expect(counter.sent).toEqual([]);
    counter.roundTrips[0]?.([STORED]);
    await turns(1);
    expect([counter.told, counter.sent]).toEqual([['a'], [['b']]]);
  });
});
