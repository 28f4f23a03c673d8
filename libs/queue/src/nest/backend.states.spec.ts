import { Logger } from '@nestjs/common';
import type { BackendStatus } from '../backend/backend.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { BackendStates, type BackendStateChange } from './backend.states.js';

class NotingLogger extends Logger {
  readonly lines: string[] = [];
  override log(text: string): void {
    this.lines.push(`log ${text}`);
  }
  override warn(text: string): void {
    this.lines.push(`warn ${text}`);
  }
  override error(text: string): void {
    this.lines.push(`error ${text}`);
  }
}

let clock: VirtualClock;
let logger: NotingLogger;
let states: BackendStates;
let told: string[];

beforeEach(() => {
  clock = new VirtualClock();
  logger = new NotingLogger();
  states = new BackendStates({ backend: 'events', clock, logger });
  told = [];
  states.listen(({ from, to, lastError }: BackendStateChange) => told.push(`${from} → ${to}: ${lastError}`));
});

function become(state: BackendStatus['state'], lastError?: string): void {
  states.changed({ state, since: clock.now(), lastError, lastProgressAt: undefined });
}

describe('BackendStates', () => {
  it('is silent about a backend that comes up as it should', () => {
    become('up');
    expect(logger.lines).toEqual([]);
    expect(told).toEqual(['down → up: undefined']);
  });

  it('tells of each change, and counts how often it came back', async () => {
    become('up');
    await clock.advance(60_000);
    become('down', 'connection reset');
    await clock.advance(5_000);
    become('up', 'connection reset');
    expect(logger.lines).toEqual([
      'error backend "events" is down, and is tried until it is back: connection reset',
      'log backend "events" is up again after 5000 ms',
    ]);
    expect(told.slice(1)).toEqual(['up → down: connection reset', 'down → up: connection reset']);
    expect(states.reconnects).toBe(1);
  });

  it('says that it could not be reached at the start, and when it is', async () => {
    become('down', 'nobody listens');
    become('down', 'nobody listens');
    await clock.advance(3_000);
    become('up');
    expect(logger.lines).toEqual([
      'error backend "events" is down, and is tried until it is back: nobody listens',
      'log backend "events" is up after 3000 ms',
    ]);
    expect(states.reconnects).toBe(0);
  });

  it('writes at most one line a second, and the last one is true', async () => {
    become('up');
    for (let call = 0; call < 1_000; call++) {
      become('degraded', 'too slow');
      become('up', 'too slow');
    }
    expect(logger.lines).toEqual(['warn backend "events" is degraded: too slow']);
    expect(told).toHaveLength(2_001);
    await clock.advance(1_000);
    expect(logger.lines.slice(1)).toEqual(['log backend "events" is up again after 0 ms']);
    await clock.advance(60_000);
    expect(logger.lines).toHaveLength(2);
  });

  it('says nothing when it was back before the second was over', async () => {
    become('down', 'first');
    become('up');
    become('down', 'second');
    await clock.advance(1_000);
    expect(logger.lines).toHaveLength(1);
  });

  it('takes no harm from a listener that throws, and no listener is called after its end', () => {
    const end = states.listen(() => {
      throw new TypeError('oops');
    });
    become('up');
    expect(logger.lines).toEqual(['error a listener to the state of backend "events" failed: oops']);
    end();
    become('down');
    expect(logger.lines).toHaveLength(2);
    expect(told).toHaveLength(2);
  });

  it('is silent after it is closed', async () => {
    become('down');
    become('up');
    states.close();
    become('down');
    await clock.advance(10_000);
    expect(logger.lines).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
