import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { SettleResult, Settlement } from '../backend/backend.js';
import { handling } from '../interceptors/handling.fixture.js';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { NotingReceiver } from './consumer.fixture.js';
import { Settler } from './settler.js';

const DOWN = new BackendUnavailableError('main', 'settle', 'it is down');

class Desk {
  readonly clock = new VirtualClock();
  readonly receiver = new NotingReceiver();
  readonly told: string[] = [];
  readonly settler = new Settler({
    clock: this.clock,
    receiver: this.receiver,
    settled: (given, act, result) =>
      void this.told.push(`${act.kind} ${given.id} ${typeof result === 'string' ? result : result.code}`),
  });

  ack(...ids: string[]): void {
    for (const id of ids) {
      const given = handling({ id });
      this.settler.add(given, { kind: 'ack', delivery: given.delivery });
    }
  }
}

describe('the settler', () => {
  it('makes one call of all that one turn settles', async () => {
    const desk = new Desk();
    desk.ack('a', 'b');
    await Promise.resolve();
    desk.ack('c');
    expect(desk.receiver.asked).toEqual([]);
    await turns(1);
    desk.ack('d');
    await turns(1);
    expect(desk.receiver.asked).toEqual([['ack a', 'ack b', 'ack c'], ['ack d']]);
    expect(desk.told).toEqual(['ack a ok', 'ack b ok', 'ack c ok', 'ack d ok']);
  });

  it('sends at once when a receive is due, and not again at the end of the turn', async () => {
    const desk = new Desk();
    desk.ack('a');
    desk.settler.flush();
    expect(desk.receiver.asked).toEqual([['ack a']]);
    await turns(2);
    expect(desk.receiver.asked).toHaveLength(1);
  });

  it('passes on the word of the broker, entry by entry', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => ['ok', 'noop', 'lost']];
    desk.ack('a', 'b', 'c');
    await turns();
    expect(desk.told).toEqual(['ack a ok', 'ack b noop', 'ack c lost']);
  });

  it('asks again about what failed, and only about that, with growing pauses', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => ['ok', DOWN], () => [DOWN], () => ['ok']];
    desk.ack('a', 'b');
    await turns();
    expect(desk.told).toEqual(['ack a ok']);
    await desk.clock.advance(49);
    expect(desk.receiver.calls).toHaveLength(1);
    await desk.clock.advance(1 + 99);
    expect(desk.receiver.calls).toHaveLength(2);
    await desk.clock.advance(1);
    expect(desk.receiver.asked).toEqual([['ack a', 'ack b'], ['ack b'], ['ack b']]);
    expect(desk.told).toEqual(['ack a ok', 'ack b ok']);
  });

  it('gives up in the end, and says why', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => Promise.reject(DOWN)];
    desk.ack('a');
    await desk.clock.advance(60_000);
    expect(desk.receiver.calls).toHaveLength(6);
    expect(desk.told).toEqual(['ack a unavailable']);
    expect(desk.clock.pending).toBe(0);
  });

  it('leaves no timer behind when it is stopped', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => [DOWN]];
    desk.ack('a');
    await turns();
    expect(desk.clock.pending).toBe(1);
    desk.settler.stop();
    expect(desk.clock.pending).toBe(0);
    await desk.clock.advance(60_000);
    expect(desk.receiver.asked).toHaveLength(1);
  });

  it('leaves no timer behind when the answer comes after it was stopped', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => [DOWN]];
    desk.ack('a');
    desk.settler.flush();
    desk.settler.stop();
    await turns();
    expect(desk.clock.pending).toBe(0);
  });

  it('takes a missing answer for a failure', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => [], (acts) => acts.map((): SettleResult => 'ok')];
    desk.ack('a');
    await desk.clock.advance(50);
    expect(desk.told).toEqual(['ack a ok']);
  });

  it('is idle when everything got its answer, and not before', async () => {
    const desk = new Desk();
    let idle = false;
    await desk.settler.idle(); // nothing to wait for
    let answer!: (results: readonly SettleResult[]) => void;
    desk.receiver.answers = [(_acts: readonly Settlement[]) => new Promise((resolve) => (answer = resolve))];
    desk.ack('a');
    void desk.settler.idle().then(() => (idle = true));
    expect(desk.receiver.asked).toEqual([['ack a']]);
    await turns();
    expect(idle).toBe(false);
    answer(['ok']);
    await turns();
    expect(idle).toBe(true);
  });
});
