import type { SettleResult, Settlement } from '../backend/backend.js';
import { BackendClosedError } from '../backend/backend.errors.js';
import { delivery } from '../interceptors/handling.fixture.js';
import type { FailureRecord } from '../message/failure-record.js';
import { turns } from '../testing/virtual-clock.js';
import { DeadLetteredError, HandledTracker } from './handled-tracker.js';

const FAILURE = { error: { name: 'Error', message: 'no card' } } as FailureRecord;

class Desk {
  readonly tracker = new HandledTracker();
  readonly told: string[] = [];

  wait(id: string, copies: number, meanwhile = (): void => {}): void {
    const publish = async () => {
      meanwhile();
      await Promise.resolve();
      return { id, copies };
    };
    this.tracker.track(id, publish).then(
      () => this.told.push(`${id} handled`),
      (error: Error) => this.told.push(`${id} ${error.message}`),
    );
  }

  async settled(
    id: string,
    kind: 'ack' | 'dead' | 'release' | 'retry',
    result: SettleResult = 'ok',
  ): Promise<void> {
    const act = { kind, delivery: delivery({ id }), failure: FAILURE, delayMs: 0 } as Settlement;
    this.tracker.settled(act, result);
    await turns(1);
  }
}

describe('a publisher that waits until its message is handled', () => {
  it('waits for every copy', async () => {
    const desk = new Desk();
    desk.wait('a', 2);
    await desk.settled('a', 'ack');
    expect(desk.told).toEqual([]);
    await desk.settled('other', 'ack');
    await desk.settled('a', 'ack');
    expect(desk.told).toEqual(['a handled']);
  });

  it('does not take releases, retries and lost settlements for an end', async () => {
    const desk = new Desk();
    desk.wait('a', 1);
    await desk.settled('a', 'release');
    await desk.settled('a', 'retry');
    await desk.settled('a', 'ack', 'lost');
    expect(desk.told).toEqual([]);
    await desk.settled('a', 'ack');
    expect(desk.told).toEqual(['a handled']);
  });

  it('sees the fastest handler, which is done before publish returns', async () => {
    const desk = new Desk();
    desk.wait('a', 1, () => void desk.settled('a', 'ack'));
    await turns();
    expect(desk.told).toEqual(['a handled']);
  });

  it('hears of a dead letter when all copies have ended', async () => {
    const desk = new Desk();
    desk.wait('a', 2);
    await desk.settled('a', 'dead');
    expect(desk.told).toEqual([]);
    await desk.settled('a', 'ack');
    expect(desk.told).toEqual(['a message a became a dead letter of subscription "work": no card']);
    expect(new DeadLetteredError('a', 'work', FAILURE).failure).toBe(FAILURE);
  });

  it('hears at once that nobody got it, or that it could not be published', async () => {
    const desk = new Desk();
    desk.wait('a', 0);
    await turns();
    expect(desk.told).toEqual(['a handled']);
    await expect(desk.tracker.track('b', () => Promise.reject(new RangeError('no')))).rejects.toThrow('no');
  });

  it('may wait twice for the same message', async () => {
    const desk = new Desk();
    desk.wait('a', 1);
    desk.wait('a', 1);
    await desk.settled('a', 'ack');
    await desk.settled('a', 'ack');
    expect(desk.told).toEqual(['a handled', 'a handled']);
  });

  it('is told when nobody will report any more', async () => {
    const desk = new Desk();
    desk.wait('a', 1);
    await turns();
    desk.tracker.close(new BackendClosedError('main', 'wait'));
    await turns();
    expect(desk.told).toEqual(['a backend "main" is closed: cannot wait']);
  });
});
