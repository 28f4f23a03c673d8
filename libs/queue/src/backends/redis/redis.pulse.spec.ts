import { VirtualClock } from '../../testing/virtual-clock.js';
import { Pulse } from './redis.pulse.js';

const HEARTBEAT_MS = 1_000;
const COMMAND_MS = 3_000;

function watched(answers: boolean): { clock: VirtualClock; pulse: Pulse; pings: number[]; dead: string[] } {
  const clock = new VirtualClock();
  const pings: number[] = [];
  const dead: string[] = [];
  const ping = (): void => {
    pings.push(clock.mono());
    pulse.sent();
    if (answers) pulse.answered();
  };
  const options = { clock, heartbeatMs: HEARTBEAT_MS, commandTimeoutMs: COMMAND_MS };
  const pulse: Pulse = new Pulse({
    ...options,
    ping,
    dead: (why) => {
      dead.push(why);
      pulse.stop();
    },
  });
  pulse.start();
  return { clock, pulse, pings, dead };
}

describe('the pulse of a connection', () => {
  it('pings one that is quiet, and leaves one alone that answers', async () => {
    const { clock, pulse, pings, dead } = watched(true);
    await clock.advance(10 * HEARTBEAT_MS);
    expect(pings.length).toBeGreaterThan(8);
    expect(dead).toEqual([]);
    pulse.stop();
    expect(clock.pending).toBe(0);
  });

  it('pings nobody who is busy answering', async () => {
    const { clock, pulse, pings } = watched(true);
    for (let at = 0; at < 50; at++) {
      pulse.sent();
      await clock.advance(HEARTBEAT_MS / 5);
      pulse.answered();
    }
    expect(pings).toEqual([]);
    pulse.stop();
  });

  it('gives up one that is silent within two heartbeats', async () => {
    const { clock, dead } = watched(false);
    await clock.advance(2 * HEARTBEAT_MS);
    expect(dead).toEqual(['it did not answer a ping for 1000 ms']);
  });

  it('gives up one whose oldest call is not answered in time, however busy it is', async () => {
    const { clock, pulse, dead } = watched(true);
    pulse.sent();
    for (let at = 0; at < 10; at++) {
      await clock.advance(COMMAND_MS / 10);
      if (dead.length > 0) break;
      pulse.sent();
      pulse.answered();
      pulse.sent();
    }
    expect(dead).toEqual([]);
    await clock.advance(COMMAND_MS);
    expect(dead).toEqual(['it did not answer for 3000 ms']);
  });
});
