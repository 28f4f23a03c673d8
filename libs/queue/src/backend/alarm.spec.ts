import { turns, VirtualClock } from '../testing/virtual-clock.js';
import { Alarm } from './alarm.js';

describe('Alarm', () => {
  let clock: VirtualClock;
  let alarm: Alarm;
  let woken: number[];

  beforeEach(() => {
    clock = new VirtualClock();
    alarm = new Alarm(clock);
    woken = [];
  });

  const sleep = (ms: number): void => void alarm.wait(ms).then(() => woken.push(clock.mono()));

  it('wakes at the ring, and leaves no timer behind', async () => {
    const from = clock.mono();
    sleep(100);
    await clock.advance(30);
    alarm.ring();
    await turns();
    expect(woken).toEqual([from + 30]);
    expect(clock.pending).toBe(0);
  });

  it('wakes by itself when its time is over', async () => {
    const from = clock.mono();
    sleep(100);
    await clock.advance(100);
    expect(woken).toEqual([from + 100]);
  });

  it('keeps a ring for the next sleep, once, unless it is told to forget it', async () => {
    alarm.ring();
    sleep(100);
    await turns();
    expect(woken).toHaveLength(1);
    alarm.ring();
    alarm.reset();
    sleep(100);
    await clock.advance(50);
    expect(woken).toHaveLength(1);
    await clock.advance(50);
    expect(woken).toHaveLength(2);
  });

  it('tells whoever listens last of every ring', () => {
    const heard: string[] = [];
    alarm.whenRung(() => heard.push('first'));
    alarm.whenRung(() => heard.push('second'));
    alarm.ring();
    alarm.whenRung(undefined);
    alarm.ring();
    expect(heard).toEqual(['second']);
  });
});
