import type { Evidence } from './evidence.js';
import { HEALTHY, type Fate } from './fate.js';
import type { PlannedDelivery } from './plan.js';
import { judge, type Verdict } from './verdict.js';

const REFUSED: Fate = { first: [], always: { status: 500 } };

function delivery(id: string, rest: Partial<PlannedDelivery> = {}): PlannedDelivery {
  return { id, event: 'push', body: Buffer.from('{}'), fate: HEALTHY, misshapen: false, ...rest };
}

const post = (planned: PlannedDelivery, status = 202, expected = 202): Evidence['posts'][number] => ({
  kind: 'delivery',
  delivery: planned,
  expected,
  status,
  unavailable: 0,
});

const applied = (id: string): Evidence['projection']['deliveries'][number] => ({
  id,
  event: 'github.push',
  repository: 'a/b',
  seen: 1,
});

const dead = (subscription: string, id: string): Evidence['deadLetters'][number] => ({
  subscription,
  id,
  reason: 'handler_error',
  bytes: Buffer.alloc(0),
});

/** Two good deliveries, one of them posted twice; one that the downstream refuses; one misshapen; one raw message. */
const GOOD: Evidence = {
  posts: [
    post(delivery('good')),
    post(delivery('twice')),
    post(delivery('twice')),
    post(delivery('refused', { fate: REFUSED })),
    post(delivery('misshapen', { misshapen: true })),
    post(delivery('forged'), 401, 401),
  ],
  raw: [{ id: 'raw', topic: 'github.push', what: 'nothing', body: Buffer.alloc(0), unavailable: 0 }],
  projection: {
    deliveries: ['good', 'twice', 'refused'].map(applied),
    counters: [{ repository: 'a/b', event: 'github.push', count: 3 }],
  },
  requests: new Map([
    ['good', 2],
    ['twice', 1],
    ['refused', 8],
  ]),
  accepted: new Map([
    ['good', 1],
    ['twice', 1],
  ]),
  deadLetters: [
    dead('activity', 'misshapen'),
    dead('activity', 'raw'),
    dead('notifier', 'misshapen'),
    dead('notifier', 'raw'),
    dead('notifier', 'refused'),
  ],
  pending: 0,
  kills: [{ inFlight: 3 }],
  restarts: undefined,
  deadAtOnce: true,
};

function broken({ checks }: Verdict): readonly string[] {
  return checks.filter(({ holds }) => !holds).map(({ claim, found }) => `${claim}: ${found}`);
}

function without<T>(items: readonly T[], index: number): readonly T[] {
  return items.filter((_, at) => at !== index);
}

describe('judge', () => {
  it('finds nothing wrong with a run that is right', () => {
    const verdict = judge(GOOD);
    expect(broken(verdict)).toEqual([]);
    expect(verdict.numbers).toEqual({
      posted: 6,
      accepted: 5,
      refused: 1,
      duplicates: 1,
      applied: 3,
      retried: 2,
      deadLettered: 5,
      expectedDeadLettered: 5,
      lost: 0,
      appliedTwice: 0,
      workerKills: 1,
      brokerRestarts: 0,
    });
  });

  it('sees a delivery that was never applied', () => {
    const projection = {
      deliveries: without(GOOD.projection.deliveries, 0),
      counters: [{ repository: 'a/b', event: 'github.push', count: 2 }],
    };
    const verdict = judge({ ...GOOD, projection });
    expect(verdict.numbers.lost).toBe(1);
    expect(broken(verdict)).toEqual(['nothing that was accepted is lost: activity good']);
  });

  it('sees a counter that did not move', () => {
    const counters = [{ repository: 'a/b', event: 'github.push', count: 2 }];
    const verdict = judge({ ...GOOD, projection: { ...GOOD.projection, counters } });
    expect(verdict.numbers.lost).toBe(1);
  });

  it('sees a counter that moved twice for one delivery', () => {
    const counters = [{ repository: 'a/b', event: 'github.push', count: 4 }];
    const verdict = judge({ ...GOOD, projection: { ...GOOD.projection, counters } });
    expect(verdict.numbers.appliedTwice).toBe(1);
    expect(broken(verdict)).toEqual(['every delivery was applied once: a/b github.push']);
  });

  it('sees a delivery of which the downstream never heard', () => {
    const verdict = judge({ ...GOOD, accepted: new Map([['twice', 1]]) });
    expect(verdict.numbers.lost).toBe(1);
    expect(broken(verdict)).toEqual(['nothing that was accepted is lost: notifier good']);
  });

  it('sees a bad message that vanished', () => {
    const verdict = judge({ ...GOOD, deadLetters: without(GOOD.deadLetters, 1) });
    expect(verdict.numbers).toMatchObject({ lost: 1, deadLettered: 4, expectedDeadLettered: 5 });
    expect(broken(verdict)).toHaveLength(2);
  });

  it('wants a dead letter of every copy of a bad message', () => {
    const posts = [...GOOD.posts, post(delivery('misshapen', { misshapen: true }))];
    expect(judge({ ...GOOD, posts }).numbers.expectedDeadLettered).toBe(7);
    expect(broken(judge({ ...GOOD, posts }))).toEqual([
      'every bad message is a dead letter: activity misshapen, notifier misshapen',
    ]);
  });

  it('allows a copy more of a bad message for each time that the queue did not answer, and no more', () => {
    const posts = [
      ...GOOD.posts.slice(0, 4),
      { ...post(delivery('misshapen', { misshapen: true })), unavailable: 1 },
    ];
    const copies = [dead('activity', 'misshapen'), dead('notifier', 'misshapen')];
    const once = { ...GOOD, posts, deadLetters: [...GOOD.deadLetters, ...copies] };
    expect(broken(judge(once))).toEqual([]);
    expect(judge(once).numbers).toMatchObject({ deadLettered: 7, expectedDeadLettered: 5 });
    expect(broken(judge({ ...once, deadLetters: [...once.deadLetters, ...copies] }))).toEqual([
      'nothing else is a dead letter: activity misshapen, notifier misshapen',
    ]);
  });

  it('allows a second dead letter of a bad message only where a crash can come between the letter and its message', () => {
    const deadLetters = [...GOOD.deadLetters, dead('notifier', 'refused')];
    expect(broken(judge({ ...GOOD, deadLetters }))).toEqual([
      'nothing else is a dead letter: notifier refused',
    ]);
    expect(broken(judge({ ...GOOD, deadLetters, deadAtOnce: false }))).toEqual([]);
    expect(broken(judge({ ...GOOD, deadLetters, deadAtOnce: false, kills: [] }))).toHaveLength(2);
  });

  it('takes a restart with messages in the broker as one', () => {
    const verdict = judge({ ...GOOD, restarts: [{ pending: 0 }, { pending: 9 }] });
    expect(broken(verdict)).toEqual([]);
    expect(verdict.numbers.brokerRestarts).toBe(2);
  });

  it.each<[string, Partial<Evidence>, string]>([
    [
      'a good message among the dead letters',
      { deadLetters: [...GOOD.deadLetters, dead('activity', 'good')] },
      'nothing else is a dead letter: activity good',
    ],
    [
      'a request that got in and should not',
      { posts: [...GOOD.posts, post(delivery('good'), 202, 401)] },
      'every request got the answer it should: delivery: 202 and not 401',
    ],
    [
      'something applied that nobody accepted',
      {
        projection: {
          deliveries: [...GOOD.projection.deliveries, applied('phantom')],
          counters: [{ repository: 'a/b', event: 'github.push', count: 4 }],
        },
      },
      'nothing was applied but what was accepted and valid: phantom',
    ],
    [
      'a refused delivery that the downstream took',
      { accepted: new Map([...GOOD.accepted, ['refused', 1]]) },
      'the downstream took only what it should: refused',
    ],
    [
      'a message that nobody could read, and somebody changed',
      { raw: [{ id: 'raw', topic: 'github.push', what: 'text', body: Buffer.from('{'), unavailable: 0 }] },
      'what nobody could read is kept byte for byte: activity raw, notifier raw',
    ],
    ['messages left over', { pending: 2 }, 'the queue is empty: 2 messages'],
    [
      'a run without a kill',
      { kills: [] },
      'the worker was killed with messages in its hands: 0 kills, 0 of them so',
    ],
    [
      'a kill of an idle worker',
      { kills: [{ inFlight: 0 }] },
      'the worker was killed with messages in its hands: 1 kills, 0 of them so',
    ],
    [
      'a broker that was restarted when all was done',
      { restarts: [{ pending: 0 }] },
      'the broker was restarted with messages in it: 1 restarts, 0 of them so',
    ],
    [
      'a broker that was never restarted',
      { restarts: [] },
      'the broker was restarted with messages in it: 0 restarts, 0 of them so',
    ],
  ])('sees %s', (_what, change, found) => {
    expect(broken(judge({ ...GOOD, ...change }))).toEqual([found]);
  });
});
