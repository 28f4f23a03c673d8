import { InvalidPayloadError } from '../interceptors/handling.errors.js';
import { delivery } from '../interceptors/handling.fixture.js';
import { ACK, failed, LOST, RELEASE } from '../message/outcome.js';
import { Reject, Release, RetryAfter } from '../policies/verdicts.js';
import { FAILURE } from './consumer.fixture.js';
import { outcomeOfThrown } from './outcome-of.js';
import { settlementFor } from './settle.js';

describe('what a handler throws', () => {
  it.each([
    null,
    undefined,
    0,
    '',
    'text',
    new Error('x'),
    Object.freeze(new TypeError('x')),
    new RetryAfter('1s'),
  ])('is a failure for the retry policy: %p', (thrown) => {
    expect(outcomeOfThrown(thrown)).toEqual(failed(thrown));
  });

  it('is a decision when it is a verdict', () => {
    const [reject, invalid] = [new Reject('no'), new InvalidPayloadError('bad', [])];
    expect(outcomeOfThrown(new Release('2s'))).toEqual({ kind: 'release', delayMs: 2_000 });
    expect(outcomeOfThrown(reject)).toEqual(failed(reject, 'rejected', true));
    expect(outcomeOfThrown(invalid)).toEqual(failed(invalid, 'invalid_payload', true));
  });

  it('is a failure even when it throws at everybody who looks at it', () => {
    const fail = (): never => {
      throw new RangeError('no');
    };
    expect(outcomeOfThrown(new Proxy({}, { getPrototypeOf: fail }))).toMatchObject({ kind: 'failed' });
  });
});

describe('settlementFor', () => {
  const of = delivery();

  it('tells the broker each outcome', () => {
    expect(settlementFor(of, ACK)).toEqual({ kind: 'ack', delivery: of });
    expect(settlementFor(of, RELEASE)).toEqual({ kind: 'release', delivery: of });
    expect(settlementFor(of, { kind: 'release', delayMs: 0 })).toEqual({
      kind: 'release',
      delivery: of,
      delayMs: 0,
    });
    expect(settlementFor(of, { kind: 'retry', delayMs: 5, failure: FAILURE })).toEqual({
      kind: 'retry',
      delivery: of,
      delayMs: 5,
      failure: FAILURE,
    });
    expect(settlementFor(of, { kind: 'dead', failure: FAILURE })).toEqual({
      kind: 'dead',
      delivery: of,
      failure: FAILURE,
    });
  });

  it('tells it nothing about a message that is no longer ours', () => {
    expect(settlementFor(of, LOST)).toBeUndefined();
  });

  it('refuses a failure that nobody decided upon', () => {
    expect(() => settlementFor(of, failed(new Error('x')))).toThrow(/never decided upon/);
  });
});
