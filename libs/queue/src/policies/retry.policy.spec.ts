import { failed } from '../message/outcome.js';
import { fixed } from './backoff.js';
import { decideRetry, DEFAULT_RETRY, type RetryPolicy } from './retry.policy.js';
import { Reject, RetryAfter } from './verdicts.js';

class NotFound extends Error {}
class Busy extends Error {}
class VeryBusy extends Busy {}

const decide = (error: unknown, attempt = 1, policy: Partial<RetryPolicy> = {}): unknown =>
  decideRetry({ ...DEFAULT_RETRY, attempts: 3, backoff: fixed(10), ...policy }, failed(error), attempt, 0);

const RETRY = { kind: 'retry', delayMs: 10 };
const DEAD = { kind: 'dead' };

describe('decideRetry', () => {
  it('retries until the attempts are used up, the first one counted', () => {
    expect([1, 2, 3, 4].map((attempt) => decide(new Error('x'), attempt))).toEqual([
      RETRY,
      RETRY,
      DEAD,
      DEAD,
    ]);
    expect(decide(new Error('x'), 1, { attempts: 1 })).toEqual(DEAD);
  });

  it.each([null, undefined, 'text', 0, {}])('retries when %p was thrown', (thrown) => {
    expect(decide(thrown)).toEqual(RETRY);
    expect(decide(thrown, 1, { never: [NotFound], only: [Busy] })).toEqual(DEAD);
  });

  it('does not retry what is permanent, rejected or never to be retried', () => {
    expect(decideRetry(DEFAULT_RETRY, failed(new Error('x'), 'decode_error', true), 1, 0)).toEqual(DEAD);
    expect(decide(new Reject('no'))).toEqual(DEAD);
    expect(decide(new NotFound(), 1, { never: [NotFound] })).toEqual(DEAD);
    expect(decide(new VeryBusy(), 1, { never: [NotFound, Busy] })).toEqual(DEAD);
  });

  it('retries only what it was told, when it was told', () => {
    const only = { only: [Busy] };
    expect(decide(new VeryBusy(), 1, only)).toEqual(RETRY);
    expect(decide(new NotFound(), 1, only)).toEqual(DEAD);
    expect(decide(new Busy(), 1, { ...only, never: [VeryBusy] })).toEqual(RETRY);
    expect(decide(new VeryBusy(), 1, { ...only, never: [VeryBusy] })).toEqual(DEAD);
  });

  it('waits as long as the handler asks, within the attempts it has', () => {
    expect(decide(new RetryAfter('2m'), 2, { only: [Busy] })).toEqual({ kind: 'retry', delayMs: 120_000 });
    expect(decide(new RetryAfter('2m'), 3)).toEqual(DEAD);
  });

  it('passes attempt and dice to the backoff', () => {
    const backoff = (attempt: number, random: number): number => attempt * 100 + random;
    expect(decideRetry({ ...DEFAULT_RETRY, backoff }, failed(new Error('x')), 4, 0.25)).toEqual({
      kind: 'retry',
      delayMs: 400.25,
    });
  });
});
