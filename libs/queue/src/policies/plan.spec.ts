import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { Capabilities } from '../backend/capabilities.js';
import { memoryCapabilities } from '../backends/memory/memory.capabilities.js';
import { ANOMALIES, isAnomaly, type Anomaly } from './anomalies.js';
import { exponential, fixed, schedule } from './backoff.js';
import { resolvePolicies, type ConsumePolicies } from './consume.policies.js';
import { DEFAULT_IDEMPOTENCY } from './idempotency.policy.js';
import { compile, isRefused, type Plan, type PlanEntry } from './plan.js';
import { requirementsOf, type Need } from './requirements.js';
import { DEFAULT_RETRY } from './retry.policy.js';

interface Case {
  readonly policies?: Partial<ConsumePolicies>;
  readonly can?: Partial<Capabilities>;
  readonly remembers?: boolean;
  readonly accept?: readonly Anomaly[];
  readonly topics?: readonly string[];
  readonly rivals?: readonly string[];
  readonly copying?: boolean;
}

function plan({ policies = {}, can = {}, remembers = true, accept = [], ...given }: Case): Plan {
  const { topics = [], rivals = [], copying = false } = given;
  const requirements = requirementsOf(resolvePolicies('Spec.handle', policies), { topics, rivals });
  return compile(requirements, { ...memoryCapabilities, ...can }, { remembers, copying, accept });
}

function entry(need: Need, given: Case): PlanEntry {
  const found = plan(given).find((each) => each.need === need);
  if (found === undefined) throw new RangeError(`nothing needs ${need}`);
  return found;
}

const idempotent = (ttlMs = DEFAULT_IDEMPOTENCY.ttlMs): Partial<ConsumePolicies> => ({
  idempotency: { ...DEFAULT_IDEMPOTENCY, ttlMs },
});
const retrying = (attempts: number, backoff = DEFAULT_RETRY.backoff): Partial<ConsumePolicies> => ({
  retry: { ...DEFAULT_RETRY, attempts, backoff },
});
const delays = (kind: 'exact' | 'tiers' | 'backoff', maxMs: number): Partial<Capabilities> => ({
  delay: { publish: false, retry: { kind, maxMs, resolutionMs: 1 } },
});
const batches = (receive: number, settle = receive): Partial<Capabilities> => ({
  batch: { publish: 1, receive, settle },
});
const held = (holdMs: number): Partial<Capabilities> => ({
  lease: { extend: true, maxMs: 43_200_000, holdMs },
});
const tight = { leaseMs: 10_000, maxLeaseMs: 10_000 };

describe('the requirements of policies', () => {
  const needs = (policies: Partial<ConsumePolicies>): readonly Need[] =>
    requirementsOf(resolvePolicies('Spec.handle', policies)).map(({ need }) => need);

  it('are each told once, with words for what was asked', () => {
    const given = { timeoutMs: 1_000, locality: 'process', deadRetentionMs: 86_400_000 } as const;
    const all = plan({ policies: { ...idempotent(), ...given } });
    expect(all.map(({ need, asked }) => `${need}: ${asked}`)).toEqual([
      'publish: a published message is stored',
      'delivery: at least once, with one effect',
      'locality: messages stay in this process',
      'fan-out: a copy of every message',
      'retry: 4 retries, waits up to 9.6s',
      'attempts: 5 attempts, counted',
      'crashes: 3 crashes, counted',
      'dead letters: dead letters with their reasons',
      'retention: dead letters removed after 1d',
      'lease: 30s, renewed up to 1h',
      'timeout: after 1s',
      'release: given back uncounted at a shutdown',
      'idempotency: handled once within 3d',
      'concurrency: 10 at once, prefetch auto',
    ]);
  });

  it('tell limits, with words for what was asked', () => {
    const limits = {
      rate: { max: 100, perMs: 60_000 },
      circuit: { failures: 5, openMs: 30_000 },
      single: { leaseMs: 15_000 },
    };
    expect(plan({ policies: limits }).slice(-4, -1)).toMatchObject([
      { need: 'rate', asked: '100 starts in 1m at most', answer: 'composed' },
      { need: 'circuit', asked: 'a pause of 30s after 5 failures in a row', answer: 'composed' },
      { need: 'single consumer', asked: 'one process at a time', answer: 'composed' },
    ]);
    expect(entry('single consumer', { policies: limits, remembers: false })).toMatchObject({
      answer: 'refused',
      remedy: 'use a backend that comes with a store, or name that of another one in its `store`',
    });
  });

  it('hold nothing that was not asked for', () => {
    expect(needs({})).not.toContain('timeout');
    expect(needs({})).not.toContain('idempotency');
    expect(needs({})).not.toContain('locality');
    expect(plan({ topics: ['order.placed'] }).map(({ need }) => need)).not.toContain('wildcards');
    expect(needs({ delivery: 'at-most-once' })).toEqual(needs(retrying(1)));
    expect(needs(retrying(1))).toEqual(needs({}).filter((need) => need !== 'retry' && need !== 'attempts'));
  });
});

describe('a plan', () => {
  it.each<[Need, string, Case]>([
    ['publish', 'routed', {}],
    ['publish', 'stored', { can: { confirm: 'stored' } }],
    ['delivery', 'each message', {}],
    ['delivery', 'a position', { can: { ack: 'position' } }],
    ['locality', 'the process', { policies: { locality: 'process' } }],
    ['locality', 'the host', { policies: { locality: 'host' }, can: { hosts: 'host', durable: 'disk' } }],
    [
      'locality',
      'many hosts for one',
      { policies: { locality: 'host' }, can: { hosts: 'many', durable: 'disk' } },
    ],
    ['fan-out', 'named', {}],
    ['fan-out', 'of one subscription', { can: { fanout: 'none' } }],
    ['wildcards', 'patterns', { topics: ['order.#'] }],
    ['retry', 'exact', {}],
    ['retry', 'exactly the largest wait', { policies: retrying(3), can: delays('exact', 2_400) }],
    [
      'retry',
      'at once, without delays',
      { policies: retrying(9, fixed(0)), can: { delay: { publish: false, retry: false } } },
    ],
    ['attempts', 'counted', { can: { attempts: 'counted' } }],
    ['crashes', 'counted on crash', {}],
    ['dead letters', 'with reasons', {}],
    ['lease', 'renewed', {}],
    [
      'lease',
      'as long as it may last',
      { policies: tight, can: { lease: { extend: false, maxMs: 10_000 } } },
    ],
    [
      'lease',
      'as long as the timeout and its grace',
      {
        policies: { timeoutMs: 25_000, abortGraceMs: 5_000 },
        can: { lease: { extend: false, maxMs: 30_000 } },
      },
    ],
    ['lease', 'held for less than the default', { can: held(1_770_000) }],
    ['lease', 'held for just as long', { policies: { timeoutMs: 1_765_000 }, can: held(1_770_000) }],
    [
      'lease',
      'held by nobody',
      { policies: { delivery: 'at-most-once', maxLeaseMs: 60_000 }, can: held(59_999) },
    ],
    ['release', 'uncounted', {}],
    ['concurrency', 'in one call', { policies: { prefetch: 5 }, can: batches(15) }],
  ])('answers native: %s, %s', (need, _what, given) => {
    expect(entry(need, given).answer).toBe('native');
  });

  it.each<[Need, string, Case, string]>([
    ['fan-out', 'copies', { copying: true }, 'copies a message again, with the same id'],
    ['retry', 'tiers', { can: delays('tiers', 60_000) }, 'late by up to the distance of two waits'],
    [
      'delivery',
      'an early ack',
      { policies: { delivery: 'at-most-once' } },
      'lost with the process that was handling it; a message whose handler failed',
    ],
    ['retention', 'a sweep', { policies: { deadRetentionMs: 60_000 } }, 'a tenth longer'],
    ['timeout', 'the signal', { policies: { timeoutMs: 1_000 } }, 'ignores its signal for 5s'],
    [
      'idempotency',
      'a store',
      { policies: idempotent() },
      'the process dies between the effect and the note',
    ],
    [
      'idempotency',
      'a short memory',
      { policies: idempotent(1_000) },
      'forgotten after 1s, before the last retry (18s)',
    ],
    [
      'concurrency',
      'several receives',
      { policies: { prefetch: 5 }, can: batches(7, 99) },
      'takes 3 round trips',
    ],
    [
      'concurrency',
      'several settles',
      { policies: { concurrency: 20 }, can: batches(99, 10) },
      'takes 2 round trips',
    ],
  ])('answers composed, and what is left: %s by %s', (need, _what, given, leaves) => {
    const composed = entry(need, given);
    expect(composed).toMatchObject({
      answer: 'composed',
      leaves: expect.stringContaining(leaves) as unknown,
    });
  });

  it.each<[Need, Anomaly, Case, string]>([
    ['publish', 'unconfirmed-publish', { can: { confirm: 'none' } }, 'does not confirm'],
    ['delivery', 'loss-on-crash', { can: { ack: 'none' } }, 'forgets a message when it hands it over'],
    ['locality', 'out-of-reach', { policies: { locality: 'host' } }, 'within one process'],
    [
      'locality',
      'out-of-reach',
      { policies: { locality: 'many-hosts' }, can: { hosts: 'host', durable: 'disk' } },
      'within one host',
    ],
    [
      'durability',
      'loss-with-process',
      { policies: { locality: 'host' }, can: { hosts: 'many' } },
      'loses its messages with its process',
    ],
    ['fan-out', 'loss-while-away', { can: { fanout: 'ephemeral' } }, 'only while a consumer runs'],
    ['retry', 'broker-backoff', { can: delays('backoff', 60_000) }, 'a backoff of its own'],
    ['attempts', 'uncounted-attempts', { can: { attempts: 'none' } }, 'does not count attempts'],
    ['attempts', 'uncounted-attempts', { can: { attempts: 'flag' } }, 'does not count attempts'],
    [
      'crashes',
      'uncounted-crashes',
      { can: { attempts: 'counted' } },
      'forgets the attempts that ended in a crash',
    ],
    ['dead letters', 'dead-without-reason', { can: { dead: 'native' } }, 'without their failure records'],
    ['lease', 'lease-not-renewed', { can: { lease: { extend: false, maxMs: 60_000 } } }, 'cannot renew'],
    [
      'lease',
      'lease-not-renewed',
      { policies: { timeoutMs: 1_765_001 }, can: held(1_770_000) },
      'takes a message back after 1770s, however often',
    ],
    [
      'lease',
      'lease-not-renewed',
      { policies: { maxLeaseMs: 3_600_000 }, can: held(1_770_000) },
      'takes a message back after 1770s, however often',
    ],
    ['release', 'counted-release', { can: { uncountedRelease: false } }, 'counts what is given back'],
  ])('refuses %s, unless %s is accepted', (need, anomaly, given, why) => {
    expect(entry(need, given)).toMatchObject({
      answer: 'refused',
      why: expect.stringContaining(why) as unknown,
      remedy: expect.stringMatching(/./) as unknown,
      anomaly,
    });
    const others = Object.keys(ANOMALIES).filter((name) => name !== anomaly) as Anomaly[];
    expect(entry(need, { ...given, accept: others }).answer).toBe('refused');
    expect(entry(need, { ...given, accept: [anomaly] })).toEqual({
      need,
      asked: entry(need, given).asked,
      answer: 'accepted',
      anomaly,
      leaves: ANOMALIES[anomaly],
    });
  });

  it.each<[Need, string, Case, string]>([
    ['wildcards', 'none', { topics: ['*.placed'], can: { wildcards: false } }, 'by their whole names only'],
    [
      'fan-out',
      'a topic that is only sent to',
      { can: { foreign: { job: { place: 'queue "q"', listen: false } } }, topics: ['job'] },
      'only sends to topic job, which is queue "q" of somebody else',
    ],
    ['fan-out', 'one copy for all', { can: { fanout: 'none' }, rivals: ['b'] }, 'it and b one copy to share'],
    ['retry', 'no delays', { can: { delay: { publish: false, retry: false } } }, 'cannot delay a retry'],
    ['retry', 'short delays', { policies: retrying(3), can: delays('exact', 2_399) }, 'by 2.399s at most'],
    ['retry', 'short tiers', { can: delays('tiers', 1_000) }, 'by 1s at most'],
    ['dead letters', 'none', { can: { dead: 'none' } }, 'no place for what is given up'],
    ['lease', 'none', { can: { lease: false } }, 'has no leases'],
    ['lease', 'short', { can: { lease: { extend: true, maxMs: 29_999 } } }, 'for 29.999s at most'],
    ['idempotency', 'no store', { policies: idempotent(), remembers: false }, 'has no store'],
    ['idempotency', 'raw messages', { policies: { ...idempotent(), raw: true } }, 'bytes without an event'],
  ])('refuses %s, whatever is accepted: %s', (need, _what, given, why) => {
    const everything = Object.keys(ANOMALIES).filter(isAnomaly);
    const refusal = entry(need, { ...given, accept: everything });
    expect(refusal).toMatchObject({ answer: 'refused', why: expect.stringContaining(why) as unknown });
    expect(refusal).not.toHaveProperty('anomaly');
  });

  it('tells which topics lie with somebody else, those of a pattern too', () => {
    const place = 'exchange "shop.orders"';
    const can = { foreign: { 'shop.order': { place, listen: true } } };
    const leaves = expect.stringContaining(`shop.order is ${place}: what others send`) as unknown;
    expect(entry('fan-out', { can, topics: ['shop.*'] })).toMatchObject({ answer: 'native', leaves });
    expect(entry('fan-out', { can, topics: ['stock'] })).not.toHaveProperty('leaves');
  });

  it('tells how long a handler can run where nobody said how long it does', () => {
    const leaves = expect.stringContaining('longer than 1770s is aborted') as unknown;
    expect(entry('lease', { can: held(1_770_000) })).toMatchObject({ answer: 'native', leaves });
  });

  it('looks at the largest wait of all retries, not at the last one', () => {
    const policies = retrying(4, schedule(['1s', '1m', '1s']));
    expect(entry('retry', { policies, can: delays('exact', 59_999) }).answer).toBe('refused');
    expect(entry('retry', { policies, can: delays('exact', 60_000) }).answer).toBe('native');
  });

  it('leaves out the wait after the last attempt, which nobody waits', () => {
    const policies = retrying(3, schedule(['1s', '2s', '1h']));
    expect(entry('retry', { policies, can: delays('exact', 2_000) }).answer).toBe('native');
  });

  it('counts the jitter of a wait', () => {
    const policies = retrying(2, exponential('10s', { jitter: 0.5 }));
    expect(entry('retry', { policies, can: delays('exact', 14_000) }).answer).toBe('refused');
    expect(entry('retry', { policies, can: delays('exact', 15_000) }).answer).toBe('native');
  });

  it('tells its anomalies in the words of the docs', () => {
    const page = readFileSync(new URL('../../../../docs/plan.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (.+?) +\|$/gm)].map(([, name, left]) => [name, left]);
    expect(Object.fromEntries(rows.filter(([name]) => isAnomaly(name)))).toEqual(ANOMALIES);
  });

  it('is the same after JSON', () => {
    const whole = plan({
      policies: { ...idempotent(), timeoutMs: 1 },
      can: { dead: 'none', attempts: 'flag' },
    });
    expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
  });
});

/** Weakest first; what stands for one capability in a pair of rows, one of which is at least as strong. */
const LEVELS = {
  confirm: ['none', 'stored', 'routed'],
  ack: ['none', 'position', 'message'],
  lease: [
    false,
    { extend: false, maxMs: 1_000 },
    { extend: false, maxMs: 60_000 },
    { extend: true, maxMs: 60_000 },
  ],
  attempts: ['none', 'flag', 'counted', 'counted-on-crash'],
  uncountedRelease: [false, true],
  delay: [
    false,
    { kind: 'backoff', maxMs: 1_000, resolutionMs: 1 },
    { kind: 'backoff', maxMs: 60_000, resolutionMs: 1 },
    { kind: 'tiers', maxMs: 60_000, resolutionMs: 1 },
    { kind: 'exact', maxMs: 60_000, resolutionMs: 1 },
  ].map((retry) => ({ publish: false, retry })),
  fanout: ['none', 'ephemeral', 'named'],
  hosts: ['process', 'host', 'many'],
  durable: ['process', 'broker-memory', 'disk-soon', 'disk', 'replicated'],
  dead: ['none', 'native', 'native-reason'],
  batch: [1, 10, 1_000].map((size) => ({ publish: size, receive: size, settle: size })),
} as const;
type Level = keyof typeof LEVELS;

const pairs = fc.record(
  Object.fromEntries(
    Object.entries(LEVELS).map(([name, levels]) => [
      name,
      fc
        .tuple(fc.nat(levels.length - 1), fc.nat(levels.length - 1))
        .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]),
    ]),
  ),
) as fc.Arbitrary<Record<Level, readonly [number, number]>>;

function row(chosen: Record<Level, readonly [number, number]>, side: 0 | 1): Partial<Capabilities> {
  const values = Object.entries(chosen).map(([name, levels]) => [name, LEVELS[name as Level][levels[side]]]);
  return Object.fromEntries(values) as Partial<Capabilities>;
}

describe('a stronger backend', () => {
  const ORDER = ['refused', 'accepted', 'composed', 'native'] as const;
  const policies = fc.record({
    concurrency: fc.integer({ min: 1, max: 100 }),
    leaseMs: fc.constantFrom(500, 30_000, 61_000),
    timeoutMs: fc.constantFrom(undefined, 400),
    retry: fc.constantFrom(1, 2, 9).map((attempts) => ({ ...DEFAULT_RETRY, attempts })),
    idempotency: fc.constantFrom(undefined, DEFAULT_IDEMPOTENCY),
    locality: fc.constantFrom(undefined, 'process', 'host', 'many-hosts' as const),
  });
  const accepts = fc.subarray(Object.keys(ANOMALIES).filter(isAnomaly));

  it('never answers worse than a weaker one', () => {
    fc.assert(
      fc.property(policies, pairs, fc.boolean(), accepts, (given, chosen, remembers, accept) => {
        const rivals = ['another']; // alone, a subscription is better off with one queue than with none while it is away
        const weaker = plan({ policies: given, can: row(chosen, 0), remembers, accept, rivals });
        const stronger = plan({ policies: given, can: row(chosen, 1), remembers: true, accept, rivals });
        weaker.forEach(({ need, answer }, at) => {
          const than = ORDER.indexOf(answer);
          const better = ORDER.indexOf(stronger[at]?.answer ?? 'refused');
          expect({ need, worse: better < than }).toEqual({ need, worse: false });
        });
      }),
    );
  });

  it('refuses nothing when it can do everything', () => {
    fc.assert(
      fc.property(policies, (given) => {
        const can = { hosts: 'many', durable: 'replicated' } as const;
        expect(plan({ policies: given, can }).filter(isRefused)).toEqual([]);
      }),
    );
  });
});
