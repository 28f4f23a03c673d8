import { VirtualClock } from '../testing/virtual-clock.js';
import { StatusRecord } from './status-record.js';

describe('StatusRecord', () => {
  let clock: VirtualClock;
  let record: StatusRecord;

  beforeEach(() => {
    clock = new VirtualClock();
    record = new StatusRecord(clock);
  });

  it('is degraded by a call that failed, until one works', async () => {
    record.failed(new Error('too slow'));
    expect(record.read()).toMatchObject({ state: 'degraded', lastError: 'too slow' });
    await clock.advance(10);
    record.worked();
    expect(record.read()).toMatchObject({ state: 'up', since: clock.now(), lastProgressAt: clock.now() });
  });

  it('stays down while calls fail over a lost connection, and says since when', async () => {
    record.lost(new Error('reset'));
    const { since } = record.read();
    await clock.advance(10);
    record.failed(new Error('not connected'));
    expect(record.read()).toMatchObject({ state: 'down', since, lastError: 'not connected' });
  });

  it('never comes back once it is closed', () => {
    record.closed();
    record.worked();
    expect(record.read().state).toBe('down');
  });

  it('tells of each change of the state, and of nothing else', () => {
    const told: string[] = [];
    record.onChange(({ state, lastError }) => told.push(`${state} ${lastError}`));
    record.worked();
    record.failed(new Error('too slow'));
    record.failed(new Error('too slow again'));
    record.lost(new Error('reset'));
    record.worked();
    record.worked();
    record.closed();
    record.worked();
    expect(told).toEqual(['degraded too slow', 'down reset', 'up reset', 'down reset']);
  });
});
