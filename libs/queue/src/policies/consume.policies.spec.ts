import { checkConcurrency, DEFAULT_POLICIES, resolvePolicies } from './consume.policies.js';
import { InvalidPolicyError } from './invalid-policy.error.js';
import { DEFAULT_IDEMPOTENCY } from './idempotency.policy.js';
import { DEFAULT_RETRY } from './retry.policy.js';

const resolve = (given: object) => () => resolvePolicies('Orders.onOrder', given);

describe('resolvePolicies', () => {
  it('puts what was given over the defaults, and freezes it', () => {
    const policies = resolvePolicies('Orders.onOrder', { concurrency: 3, prefetch: 0 });
    expect(policies).toEqual({ ...DEFAULT_POLICIES, concurrency: 3, prefetch: 0 });
    expect(Object.isFrozen(policies)).toBe(true);
  });

  it('allows one attempt where nothing may be repeated, and nothing that stands for a second one', () => {
    const delivery = 'at-most-once';
    expect(resolvePolicies('Orders.onOrder', { delivery }).retry.attempts).toBe(1);
    expect(resolve({ delivery, retry: DEFAULT_RETRY })).toThrow(
      'Orders.onOrder: at-most-once allows one attempt, not 5: take away @Retry or `delivery`',
    );
    expect(resolve({ delivery, idempotency: DEFAULT_IDEMPOTENCY })).toThrow('take away @Idempotent');
  });

  it('gathers no batch of one key where one message of a key is out at a time', () => {
    const batch = { size: 2, withinMs: 1, bytes: undefined, by: 'key' } as const;
    const order = { onRetry: 'block-key', onDead: 'hold' } as const;
    expect(resolve({ batch, order })).toThrow('take away `batch.by` or `order`');
    expect(resolvePolicies('Orders.onOrder', { batch }).concurrency).toBe(1);
  });

  it.each([
    ['delivery', { delivery: 'exactly-once' }, 'one of at-least-once, at-most-once'],
    ['locality', { locality: 'moon' }, 'one of process, host, many-hosts'],
  ])('refuses a %s that does not exist', (option, given, choices) => {
    expect(resolve(given)).toThrow(InvalidPolicyError);
    expect(resolve(given)).toThrow(`Orders.onOrder: ${option} is `);
    expect(resolve(given)).toThrow(choices);
  });

  const BAD = [0, -1, 1.5, NaN, Infinity, 1e9 + 0.5, '10', null, {}];
  const wholeNumbers: readonly [string, (value: unknown) => object][] = [
    ['concurrency', (concurrency) => ({ concurrency })],
    ['leaseMs', (leaseMs) => ({ leaseMs })],
    ['maxLeaseMs', (maxLeaseMs) => ({ maxLeaseMs })],
    ['timeoutMs', (timeoutMs) => ({ timeoutMs })],
    ['retry.attempts', (attempts) => ({ retry: { ...DEFAULT_RETRY, attempts } })],
    ['deadLetter.maxCrashes', (maxCrashes) => ({ maxCrashes })],
    ['deadLetter.keep', (deadRetentionMs) => ({ deadRetentionMs })],
    ['idempotent.ttlMs', (ttlMs) => ({ idempotency: { ...DEFAULT_IDEMPOTENCY, ttlMs } })],
  ];

  it.each(wholeNumbers)('refuses a %s that is no sensible whole number, and names it', (option, given) => {
    for (const value of BAD) {
      expect(resolve(given(value))).toThrow(InvalidPolicyError);
      expect(resolve(given(value))).toThrow(`Orders.onOrder: ${option} is `);
    }
  });

  it.each([
    ['prefetch', { prefetch: -1 }],
    ['prefetch', { prefetch: 'lots' }],
    ['prefetch', { prefetch: 1e9 }],
    ['abortGraceMs', { abortGraceMs: -1 }],
    ['idempotent.busyDelayMs', { idempotency: { ...DEFAULT_IDEMPOTENCY, busyDelayMs: NaN } }],
    ['idempotent.result', { idempotency: { ...DEFAULT_IDEMPOTENCY, keepsResult: 'yes' as never } }],
    ['concurrency', { concurrency: 1e9 }],
    ['leaseMs', { leaseMs: 99 }],
    ['timeoutMs', { timeoutMs: 3_600_001 }],
    ['maxLeaseMs', { leaseMs: 60_000, maxLeaseMs: 59_999 }],
  ])('refuses %s in %j', (option, given) => {
    expect(resolve(given)).toThrow(`Orders.onOrder: ${option} is `);
  });

  it('tells a number from a text that looks like one', () => {
    expect(resolve({ concurrency: '10' })).toThrow(
      /concurrency is "10", it must be a whole number from 1 to 10000/,
    );
  });

  it('takes zero where nothing is meant', () => {
    expect(resolve({ prefetch: 0, abortGraceMs: 0 })).not.toThrow();
    expect(resolve({ idempotency: { ...DEFAULT_IDEMPOTENCY, busyDelayMs: 0 } })).not.toThrow();
  });
});

it('a concurrency is checked the same way when it changes later', () => {
  expect(checkConcurrency('Orders.onOrder', 4)).toBe(4);
  expect(() => checkConcurrency('Orders.onOrder', 0)).toThrow(InvalidPolicyError);
});
