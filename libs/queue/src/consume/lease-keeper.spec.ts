import { BackendUnavailableError } from '../backend/backend.errors.js';
import { HandlerTimeoutError, LeaseLostError } from '../interceptors/handling.errors.js';
import { handling } from '../interceptors/handling.fixture.js';
import type { Handling } from '../interceptors/handling.js';
import type { Outcome } from '../message/outcome.js';
import { type ConsumePolicies, resolvePolicies } from '../policies/consume.policies.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { NotingReceiver } from './consumer.fixture.js';
import { LeaseKeeper } from './lease-keeper.js';

const LEASE_MS = 6_000;
const DOWN = new BackendUnavailableError('main', 'settle', 'it is down');

class Desk {
  readonly clock = new VirtualClock();
  readonly receiver = new NotingReceiver();
  readonly abandoned: [string, Outcome][] = [];
  readonly late: string[] = [];
  readonly keeper: LeaseKeeper;

  constructor(policies: Partial<ConsumePolicies> = {}) {
    this.keeper = new LeaseKeeper({
      clock: this.clock,
      receiver: this.receiver,
      policies: resolvePolicies('Orders.onOrder', { leaseMs: LEASE_MS, abortGraceMs: 500, ...policies }),
      abandon: (given, outcome) => {
        given.finished = true;
        this.abandoned.push([given.id, outcome]);
      },
      late: ({ message }) => void this.late.push(message),
    });
  }

  /** Held from now on, as it is while its handler runs. */
  hold(id: string): Handling {
    const given = handling({ id, leaseMs: LEASE_MS }, this.clock.mono());
    given.entered = 1;
    this.keeper.held.hold(given);
    return given;
  }
}

describe('the lease keeper', () => {
  it('renews at a third of the lease, all that is due in one call, and again and again', async () => {
    const desk = new Desk();
    const held = [desk.hold('a'), desk.hold('b')];
    await desk.clock.advance(LEASE_MS / 3 - 1);
    expect(desk.receiver.calls).toEqual([]);
    await desk.clock.advance(1);
    expect(desk.receiver.asked).toEqual([['extend b', 'extend a']]);
    expect(desk.receiver.calls[0]?.[0]).toMatchObject({ leaseMs: LEASE_MS });
    await desk.clock.advance(10 * LEASE_MS);
    expect(desk.receiver.calls.length).toBeGreaterThanOrEqual(20);
    expect(held.map(({ abortReason }) => abortReason)).toEqual([undefined, undefined]);
  });

  it('notices once that the event loop stood still, and tells those whose leases have ended', async () => {
    const desk = new Desk();
    const held = desk.hold('a');
    await desk.clock.advance(1_500);
    desk.clock.stall(2 * LEASE_MS);
    await desk.clock.advance(0);
    expect(held.abortReason).toBeInstanceOf(LeaseLostError);
    expect(desk.late).toEqual([
      expect.stringMatching(/^the event loop stood still for 11500 ms, and leases of 6000/),
    ]);
    desk.clock.stall(LEASE_MS);
    await desk.clock.advance(0);
    expect(desk.late).toHaveLength(1);
    await desk.clock.advance(LEASE_MS);
    desk.hold('b');
    desk.clock.stall(LEASE_MS / 2);
    await desk.clock.advance(LEASE_MS);
    expect(desk.late).toHaveLength(1);
  });

  it('is done when nothing is held any more', async () => {
    const desk = new Desk();
    desk.keeper.held.drop(desk.hold('a'));
    await desk.clock.advance(LEASE_MS);
    expect(desk.receiver.calls).toEqual([]);
    expect(desk.clock.pending).toBe(0);
  });

  it('renews a delivery that came just after it looked in good time, too', async () => {
    const desk = new Desk();
    desk.hold('a');
    await desk.clock.advance(LEASE_MS / 3 + 1);
    const late = desk.hold('late');
    const leftAt: number[] = [];
    desk.receiver.answers = [
      (acts) => {
        if (acts.some(({ delivery }) => delivery.id === 'late'))
          leftAt.push(late.leaseEndsAt - desk.clock.mono());
        return acts.map(() => DOWN);
      },
    ];
    await desk.clock.advance(LEASE_MS);
    expect(leftAt.length).toBeGreaterThanOrEqual(2); // one that failed, and one more
    expect(leftAt[0]).toBeGreaterThanOrEqual(LEASE_MS / 2);
  });

  it('tells a handler to stop when its message belongs to somebody else', async () => {
    const desk = new Desk();
    const [a, b] = [desk.hold('a'), desk.hold('b')];
    desk.receiver.answers = [(acts) => acts.map(({ delivery }) => (delivery.id === 'a' ? 'lost' : 'ok'))];
    await desk.clock.advance(LEASE_MS / 3);
    expect(a.abortReason).toBeInstanceOf(LeaseLostError);
    expect(b.abortReason).toBeUndefined();
    await desk.clock.advance(LEASE_MS);
    expect(desk.receiver.asked.slice(1).flat()).not.toContain('extend a');
  });

  it.each<[string, NotingReceiver['answers'][0]]>([
    ['fails', (acts) => acts.map(() => DOWN)],
    ['throws', () => Promise.reject(DOWN)],
    ['never answers', () => new Promise(() => {})],
  ])('tells a handler to stop before the lease ends when renewing %s', async (_how, answer) => {
    const desk = new Desk();
    desk.receiver.answers = [answer];
    const a = desk.hold('a');
    await desk.clock.advance(LEASE_MS * 0.9 - 1);
    expect(a.abortReason).toBeUndefined();
    await desk.clock.advance(1);
    expect(a.abortReason).toBeInstanceOf(LeaseLostError);
  });

  it('counts a renewed lease from before the call: the broker may have been quick and the answer slow', async () => {
    const desk = new Desk();
    const a = desk.hold('a');
    desk.receiver.answers = [
      (acts) => new Promise((resolve) => desk.clock.timer(300, () => resolve(acts.map(() => 'ok')))),
    ];
    await desk.clock.advance(LEASE_MS / 3 + 300);
    expect(a.leaseEndsAt).toBe(LEASE_MS / 3 + LEASE_MS);
  });

  it('takes a renewal that worked after all', async () => {
    const desk = new Desk();
    desk.receiver.answers = [(acts) => acts.map(() => DOWN), (acts) => acts.map(() => 'ok')];
    const a = desk.hold('a');
    await desk.clock.advance(LEASE_MS * 2);
    expect(a.abortReason).toBeUndefined();
  });

  it('stops renewing at the longest lease', async () => {
    const desk = new Desk({ maxLeaseMs: 20_000 });
    const a = desk.hold('a');
    await desk.clock.advance(19_500);
    expect(a.leaseEndsAt).toBeLessThanOrEqual(20_000);
    expect(a.abortReason).toBeInstanceOf(LeaseLostError);
    expect(desk.clock.mono()).toBeLessThan(a.leaseEndsAt);
  });

  it('gives up a handler that goes on without its lease, after a grace', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => Promise.reject(DOWN)];
    desk.hold('a');
    await desk.clock.advance(LEASE_MS * 0.9 + 499);
    expect(desk.abandoned).toEqual([]);
    await desk.clock.advance(1);
    expect(desk.abandoned).toMatchObject([['a', { kind: 'failed', error: { code: 'lease_lost' } }]]);
  });

  it('has nothing to give up where no handler has started', async () => {
    const desk = new Desk();
    desk.receiver.answers = [() => Promise.reject(DOWN)];
    const waiting = desk.hold('a');
    waiting.entered = 0;
    await desk.clock.advance(2 * LEASE_MS);
    expect(waiting.abortReason).toBeInstanceOf(LeaseLostError);
    expect(desk.abandoned).toEqual([]);
  });

  it('aborts at the deadline of the handler, and gives it up once after the grace', async () => {
    const desk = new Desk({ timeoutMs: 250 });
    const a = desk.hold('a');
    a.deadlineAt = 250;
    desk.keeper.held.watch(a);
    await desk.clock.advance(249);
    expect(a.abortReason).toBeUndefined();
    await desk.clock.advance(1);
    expect(a.abortReason).toBeInstanceOf(HandlerTimeoutError);
    expect(a.abortReason?.message).toMatch(/its timeout of 250 ms/);
    await desk.clock.advance(499);
    expect(desk.abandoned).toEqual([]);
    await desk.clock.advance(LEASE_MS);
    expect(desk.abandoned).toMatchObject([['a', { kind: 'failed', reason: 'timeout' }]]);
  });

  it('keeps the lease of what is finished until the broker knows', async () => {
    const desk = new Desk();
    const a = desk.hold('a');
    a.finished = true;
    await desk.clock.advance(3 * LEASE_MS);
    expect(desk.receiver.calls.length).toBeGreaterThan(5);
    expect(a.leaseEndsAt).toBeGreaterThan(desk.clock.mono());
  });
});
