import { encodeEvent } from '../message/envelope.js';
import type { DomainEvent } from '../message/event.js';
import { ACK, failed, LOST, RELEASE, type Outcome } from '../message/outcome.js';
import type { QueueError } from '../message/queue-error.js';
import { fixed } from '../policies/backoff.js';
import { DEFAULT_RETRY } from '../policies/retry.policy.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { currentHandling, enterHandling } from './current.js';
import { DeadLetterStation } from './dead-letter.station.js';
import { EnvelopeStation, RawStation } from './envelope.station.js';
import { failureRecorder } from './failure-recorder.js';
import {
  HandlerTimeoutError,
  InvalidPayloadError,
  LeaseLostError,
  ShutdownError,
} from './handling.errors.js';
import { handling } from './handling.fixture.js';
import { LeaseStation } from './lease.station.js';
import { noCounts, ObserveStation } from './observe.station.js';
import { RetryStation } from './retry.station.js';
import { TimeoutStation } from './timeout.station.js';
import { ValidateStation } from './validate.station.js';

const clock = new VirtualClock();
const record = failureRecorder({ clock, handler: 'Orders.onOrder', host: 'here:1' });
const RETRY: Outcome = { kind: 'retry', delayMs: 5, failure: record(handling(), failed('x')) };

const EVENT: DomainEvent = {
  event_type: 'orders',
  aggregate_id: undefined,
  data: { total: 5 },
  event_id: 'e-1',
  source: 'urn:test',
  timestamp: '2030-01-01T00:00:00.000Z',
  schema_version: '1',
  correlation_id: 'e-1',
  idempotency_key: 'e-1',
  causation_id: undefined,
  tenant: undefined,
  traceparent: undefined,
};

describe('the failure recorder', () => {
  it('says what failed, where, when and at which attempt', () => {
    expect(record(handling({ attempt: 4 }), failed(new RangeError('no'), 'timeout'))).toEqual({
      attempt: 4,
      at: clock.now(),
      reason: 'timeout',
      error: { name: 'RangeError', message: 'no', stack: expect.any(String) },
      handler: 'Orders.onOrder',
      host: 'here:1',
    });
  });
});

describe('the observe station', () => {
  it('counts what is settled, by kind, and changes nothing', () => {
    const counts = noCounts();
    const station = new ObserveStation(counts);
    for (const outcome of [
      ACK,
      ACK,
      RELEASE,
      LOST,
      RETRY,
      { kind: 'dead', failure: RETRY.failure } as Outcome,
    ]) {
      expect(station.exit(handling(), outcome)).toBe(outcome);
    }
    expect(counts).toEqual({ ack: 2, release: 1, lost: 1, retry: 1, dead: 1 });
  });
});

describe('the lease station', () => {
  const station = new LeaseStation(clock);
  const aborted = (reason: QueueError) => {
    const cut = handling();
    cut.abort(reason);
    return cut;
  };

  it('lets pass what nothing happened to', () => {
    expect(station.enter(handling())).toBeUndefined();
    expect(station.exit(handling(), RETRY)).toBe(RETRY);
  });

  it('settles nothing once the lease was lost, not even success', () => {
    const lost = aborted(new LeaseLostError('gone'));
    expect(station.enter(lost)).toBe(LOST);
    expect([ACK, RETRY, RELEASE].map((outcome) => station.exit(lost, outcome))).toEqual([LOST, LOST, LOST]);
  });

  it('starts nothing whose lease has ended, although nobody has told so yet', () => {
    const late = handling({ leaseMs: 100 }, clock.mono() - 100);
    expect(station.enter(late)).toBe(LOST);
    expect(late.abortReason).toBeInstanceOf(LeaseLostError);
    expect(station.enter(handling({ leaseMs: 100 }, clock.mono() - 99))).toBeUndefined();
  });

  it('counts nothing against a message that the shutdown cut short, and keeps what was done', () => {
    const stopped = aborted(new ShutdownError('stopping'));
    expect(station.enter(stopped)).toBe(RELEASE);
    expect(station.exit(stopped, RETRY)).toBe(RELEASE);
    expect(station.exit(stopped, ACK)).toBe(ACK);
  });

  it('leaves a timeout to the retry policy', () => {
    expect(station.exit(aborted(new HandlerTimeoutError('late')), RETRY)).toBe(RETRY);
  });
});

describe('the dead-letter station', () => {
  const station = new DeadLetterStation({ attempts: 5, maxCrashes: 3 }, record);

  it.each([
    { crashes: 0, attempt: 99 },
    { crashes: 1, attempt: 2 },
    { crashes: 2, attempt: 5 },
  ])('lets %j pass', (given) => {
    expect(station.enter(handling(given))).toBeUndefined();
  });

  it.each([
    { crashes: 3, attempt: 4 },
    { crashes: 1, attempt: 6 },
  ])('stops %j, and says that it crashed', (given) => {
    expect(station.enter(handling(given))).toMatchObject({
      kind: 'dead',
      failure: { reason: 'crash', attempt: given.attempt, error: { code: 'crash_loop' } },
    });
  });
});

describe('the retry station', () => {
  const station = new RetryStation({ ...DEFAULT_RETRY, attempts: 2, backoff: fixed(70) }, record, {
    next: () => 0,
  });

  it('leaves alone what did not fail', () => {
    expect(station.exit(handling(), ACK)).toBe(ACK);
    expect(station.exit(handling(), RELEASE)).toBe(RELEASE);
  });

  it('makes a failure a retry, and the last one a dead letter, with its record', () => {
    const failure = { reason: 'handler_error', error: { message: 'no' } };
    expect(station.exit(handling(), failed(new Error('no')))).toMatchObject({
      kind: 'retry',
      delayMs: 70,
      failure,
    });
    expect(station.exit(handling({ attempt: 2 }), failed(new Error('no')))).toMatchObject({
      kind: 'dead',
      failure,
    });
  });
});

describe('the envelope station', () => {
  const station = new EnvelopeStation();

  it('opens an event', () => {
    const opened = handling({ body: encodeEvent(EVENT) });
    expect(station.enter(opened)).toBeUndefined();
    expect(opened.event).toEqual(EVENT);
    expect(opened.data).toEqual({ total: 5 });
  });

  it.each([
    ['{', 'decode_error'],
    ['{"envelope":2}', 'decode_error'],
    [new Uint8Array([0xff]), 'decode_error'],
    ['{"some":"json"}', 'not_an_event'],
  ])('gives up on %p for good: %s', (body, reason) => {
    expect(station.enter(handling({ body }))).toMatchObject({ kind: 'failed', reason, permanent: true });
  });

  it('hands a raw handler the bytes, whatever they are', () => {
    const opened = handling({ body: new Uint8Array([0xff, 0]) });
    expect(new RawStation().enter(opened)).toBeUndefined();
    expect(opened.event).toBeUndefined();
    expect(opened.data).toEqual(new Uint8Array([0xff, 0]));
  });
});

describe('the validate station', () => {
  const checked = async (validate: (data: unknown) => unknown) => {
    const given = handling();
    given.data = { total: 5 };
    return { outcome: await new ValidateStation(validate).enter(given), data: given.data };
  };

  it('replaces the payload by what validation made of it, now or later', async () => {
    expect(await checked(() => 'now')).toEqual({ outcome: undefined, data: 'now' });
    expect(await checked(() => Promise.resolve('later'))).toEqual({ outcome: undefined, data: 'later' });
  });

  it.each([
    [
      'thrown',
      () => {
        throw new InvalidPayloadError('bad', ['total']);
      },
    ],
    ['rejected', () => Promise.reject(new InvalidPayloadError('bad', ['total']))],
  ])('gives up for good on a payload that was %s', async (_how, validate) => {
    const { outcome } = await checked(validate);
    expect(outcome).toMatchObject({
      kind: 'failed',
      reason: 'invalid_payload',
      permanent: true,
      error: { details: ['total'] },
    });
  });
});

describe('the timeout station', () => {
  const watched: unknown[] = [];
  const station = new TimeoutStation(clock, 250, (given) => void watched.push(given));

  it('sets the deadline on the way in and takes it back on the way out', () => {
    const given = handling();
    expect(station.enter(given)).toBeUndefined();
    expect(given.deadlineAt).toBe(clock.mono() + 250);
    expect(watched).toEqual([given]);
    expect(station.exit(given, ACK)).toBe(ACK);
    expect(given.deadlineAt).toBe(Infinity);
  });

  it('calls a failure after the deadline a timeout, and believes a success', () => {
    const given = handling();
    const reason = new HandlerTimeoutError('late');
    given.abort(reason);
    expect(station.exit(given, failed(new Error('aborted')))).toEqual(failed(reason, 'timeout'));
    expect(station.exit(given, ACK)).toBe(ACK);
  });

  it('leaves a failure that had another reason as it is', () => {
    const given = handling();
    given.abort(new ShutdownError('stopping'));
    const failure = failed(new Error('x'));
    expect(station.exit(given, failure)).toBe(failure);
    expect(station.exit(handling(), failure)).toBe(failure);
  });
});

it('the message being handled is known to what the handler calls, also after a wait, and to nobody else', async () => {
  const [one, two] = [handling({ id: 'one' }), handling({ id: 'two' })];
  const seen = async (mine: ReturnType<typeof handling>): Promise<unknown> => {
    enterHandling(mine);
    await new Promise((resolve) => setImmediate(resolve));
    return currentHandling();
  };
  const runs = [seen(one), seen(two)];
  enterHandling(undefined);
  expect(await Promise.all(runs)).toEqual([one, two]);
  expect(currentHandling()).toBeUndefined();
});
