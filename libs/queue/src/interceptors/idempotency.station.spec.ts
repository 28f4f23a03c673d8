import { BackendUnavailableError } from '../backend/backend.errors.js';
import { memoryBackend } from '../backends/memory/index.js';
import type { DomainEvent } from '../message/event.js';
import { SerializeError } from '../message/json.js';
import { ACK, failed, RELEASE } from '../message/outcome.js';
import { DEFAULT_IDEMPOTENCY, type IdempotencyPolicy } from '../policies/idempotency.policy.js';
import type { Store, WriteResult } from '../store/store.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { LeaseLostError } from './handling.errors.js';
import { type Handling, NO_RESULT } from './handling.js';
import { handling } from './handling.fixture.js';
import { IdempotencyStation } from './idempotency.station.js';

const CLAIM_TTL_MS = 60_000;
const BUSY = { kind: 'release', delayMs: 1_000 };

class Desk {
  readonly clock = new VirtualClock();
  store!: Store;

  static async open(): Promise<Desk> {
    const desk = new Desk();
    const opened = await memoryBackend.open('m', {}, testAmbient(desk.clock));
    desk.store = opened.store as Store;
    return desk;
  }

  /** The store as somebody sees it who cannot reach it. */
  get down(): Store {
    return this.downFor(Infinity);
  }

  downFor(ms: number): Store {
    const until = this.clock.mono() + ms;
    return this.#writing(async (rightly) => {
      if (this.clock.mono() < until) throw new BackendUnavailableError('m', 'write', 'it is down');
      return rightly();
    });
  }

  /** The first write is done, and its answer lost. */
  get unseenOnce(): Store {
    let writes = 0;
    return this.#writing(async (rightly) => {
      const result = await rightly();
      if (writes++ === 0) throw new BackendUnavailableError('m', 'write', 'the connection broke');
      return result;
    });
  }

  #writing(write: (rightly: () => Promise<WriteResult>) => Promise<WriteResult>): Store {
    const { store } = this;
    return {
      read: (keys) => store.read(keys),
      write: (ops) => write(() => store.write(ops)),
      scan: (prefix, page) => store.scan(prefix, page),
      close: () => store.close(),
    };
  }

  station(policy: Partial<IdempotencyPolicy> = {}, store = this.store): IdempotencyStation {
    const parts = { store, clock: this.clock, claimTtlMs: CLAIM_TTL_MS };
    return new IdempotencyStation({ ...DEFAULT_IDEMPOTENCY, ...policy }, parts);
  }
}

/** A copy of the message with the intent `key`; copies of one `ref` are deliveries of the same copy. */
function copy(ref: string | undefined, key = 'pay-1', subscription = 'work', attempt = 1): Handling {
  const given = handling({ ref, subscription, attempt });
  given.event = { idempotency_key: key } as DomainEvent;
  return given;
}

const reasonOf = (failing: Promise<unknown>): Promise<unknown> => failing.catch((error: unknown) => error);

describe('the idempotency station', () => {
  it('lets the first copy pass and skips the others once it is done', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const first = copy('a');
    expect(await station.enter(first)).toBeUndefined();
    expect(await station.exit(first, ACK)).toBe(ACK);
    expect(await station.enter(copy('b'))).toBe(ACK);
    expect(await station.enter(copy('a'))).toBe(ACK);
  });

  it('hands later copies what the handler returned, where that is kept', async () => {
    const station = (await Desk.open()).station({ keepsResult: true });
    const results: unknown[] = [];
    for (const [intent, result] of Object.entries({
      object: { paid: 12.5 },
      nothing: undefined,
      none: null,
    })) {
      const first = copy('a', intent);
      await station.enter(first);
      first.result = result;
      await station.exit(first, ACK);
      const later = copy('b', intent);
      expect(await station.enter(later)).toBe(ACK);
      results.push(later.result);
    }
    expect(results).toEqual([{ paid: 12.5 }, undefined, null]);
  });

  it('keeps no result of a failure, and none unless asked', async () => {
    const desk = await Desk.open();
    const plain = desk.station();
    const first = copy('a');
    await plain.enter(first);
    first.result = { secret: true };
    await plain.exit(first, ACK);
    const later = copy('b');
    await plain.enter(later);
    expect(later.result).toBe(NO_RESULT);
    const keeping = desk.station({ keepsResult: true });
    const failing = copy('c', 'pay-2');
    await keeping.enter(failing);
    await keeping.exit(failing, failed(new RangeError('no')));
    expect(await keeping.enter(copy('d', 'pay-2'))).toBeUndefined();
  });

  it('reports a result that is no JSON, and does not repeat the effect for it', async () => {
    const station = (await Desk.open()).station({ keepsResult: true });
    const first = copy('a');
    await station.enter(first);
    first.result = { when: 1n };
    await expect(station.exit(first, ACK)).rejects.toThrow(SerializeError);
    const later = copy('b');
    expect(await station.enter(later)).toBe(ACK);
    expect(later.result).toBe(NO_RESULT);
  });

  it('keeps intents, and the subscriptions that handle them, apart', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const passed = [
      copy('a'),
      copy('b', 'pay-2'),
      copy('c', 'pay-1', 'audit'),
      copy('d', 'x'.repeat(100_000)),
    ];
    for (const each of passed) expect(await station.enter(each)).toBeUndefined();
  });

  it('sends a copy back while another one is being handled', async () => {
    const desk = await Desk.open();
    const station = desk.station({ busyDelayMs: 300 });
    expect(await station.enter(copy('a'))).toBeUndefined();
    expect(await station.enter(copy('b'))).toEqual({ kind: 'release', delayMs: 300 });
    expect(await station.enter(copy(undefined))).toEqual({ kind: 'release', delayMs: 300 });
  });

  it('lets the copy that made the claim take it over: whoever handled it has crashed', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const crashed = copy('a');
    await station.enter(crashed);
    const again = copy('a');
    expect(await station.enter(again)).toBeUndefined();
    await station.exit(crashed, failed(new Error('too late'))); // must not free the claim of its successor
    expect(await station.enter(copy('b'))).toEqual(BUSY);
    await station.exit(again, ACK);
    expect(await station.enter(copy('b'))).toBe(ACK);
  });

  it('does not let an earlier delivery of the copy take the claim of a later one: it has lost its lease', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const [late, heir] = [copy('a', 'pay-1', 'work', 1), copy('a', 'pay-1', 'work', 2)];
    expect(await station.enter(heir)).toBeUndefined();
    expect(await station.enter(late)).toEqual(BUSY);
    expect(await station.exit(heir, ACK)).toBe(ACK);
    expect(await station.enter(copy('b'))).toBe(ACK);
  });

  it('believes only the copy that holds the claim when it says that it is done', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const crashed = copy('a');
    await station.enter(crashed);
    const again = copy('a');
    await station.enter(again);
    expect(await station.exit(crashed, ACK)).toBe(ACK);
    await station.exit(again, failed(new Error('x')));
    expect(await station.enter(copy('b'))).toBeUndefined();
  });

  it('never takes over a claim of a broker whose copies have no name', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    await station.enter(copy(undefined));
    expect(await station.enter(copy(undefined))).toEqual(BUSY);
    await desk.clock.advance(CLAIM_TTL_MS);
    expect(await station.enter(copy(undefined))).toBeUndefined();
  });

  it.each([failed(new Error('x')), RELEASE])('frees the claim after %j', async (outcome) => {
    const desk = await Desk.open();
    const station = desk.station();
    const first = copy('a');
    await station.enter(first);
    expect(await station.exit(first, outcome)).toBe(outcome);
    expect(await station.enter(copy('b'))).toBeUndefined();
  });

  it('remembers as long as it was told', async () => {
    const desk = await Desk.open();
    const station = desk.station({ ttlMs: 5_000 });
    const first = copy('a');
    await station.enter(first);
    await station.exit(first, ACK);
    await desk.clock.advance(4_999);
    expect(await station.enter(copy('b'))).toBe(ACK);
    await desk.clock.advance(1);
    expect(await station.enter(copy('c'))).toBeUndefined();
  });

  it('touches nothing on the way out when it claimed nothing on the way in', async () => {
    const desk = await Desk.open();
    const station = desk.station();
    const first = copy('a');
    await station.enter(first);
    const second = copy('b');
    await station.enter(second);
    expect(await station.exit(second, RELEASE)).toBe(RELEASE);
    expect(await station.enter(copy('c'))).toEqual(BUSY);
  });

  it('is not asked about a raw message, which has no intent', async () => {
    const desk = await Desk.open();
    expect(await desk.station().enter(handling())).toBeUndefined();
    expect(await desk.store.scan('', { limit: 10 })).toEqual([]);
  });

  it.each<[string, (event: DomainEvent) => string]>([
    ['nothing', () => undefined as unknown as string],
    ['an empty text', () => ''],
    ['a number', () => 5 as unknown as string],
    [
      'an exception',
      () => {
        throw new TypeError('no such field');
      },
    ],
  ])('counts it as a failure when the key of the application is %s', async (_what, key) => {
    const desk = await Desk.open();
    expect(await desk.station({ key }).enter(copy('a'))).toMatchObject({ kind: 'failed', permanent: false });
    expect(await desk.store.scan('', { limit: 10 })).toEqual([]);
  });

  it('leaves it to the pipeline when the store fails before the handler, or for long after it', async () => {
    const desk = await Desk.open();
    const { down } = desk;
    const claimed = copy('a');
    await expect(desk.station({}, down).enter(claimed)).rejects.toThrow(BackendUnavailableError);
    await desk.station().enter(claimed);
    const exiting = reasonOf(desk.station({}, down).exit(claimed, ACK));
    await desk.clock.advance(20_000);
    expect(await exiting).toBeInstanceOf(BackendUnavailableError);
    expect(desk.clock.pending).toBe(0);
  });

  it.each([
    ['is done', ACK, ACK],
    ['failed', failed(new Error('no')), undefined],
  ])('notes that an attempt %s when the store answers again', async (_what, outcome, answer) => {
    const desk = await Desk.open();
    const claimed = copy('a');
    await desk.station().enter(claimed);
    const exiting = desk.station({}, desk.downFor(8_000)).exit(claimed, outcome);
    await desk.clock.advance(10_000);
    expect(await exiting).toBe(outcome);
    expect(await desk.station().enter(copy('b'))).toBe(answer);
  });

  it('takes a note that was written unseen for written', async () => {
    const desk = await Desk.open();
    const claimed = copy('a');
    await desk.station().enter(claimed);
    const exiting = desk.station({}, desk.unseenOnce).exit(claimed, ACK);
    await desk.clock.advance(1_000);
    expect(await exiting).toBe(ACK);
    expect(await desk.station().enter(copy('b'))).toBe(ACK);
  });

  it('gives up at once when its delivery is over by other means', async () => {
    const desk = await Desk.open();
    const claimed = copy('a');
    await desk.station().enter(claimed);
    const exiting = reasonOf(desk.station({}, desk.down).exit(claimed, ACK));
    await desk.clock.advance(10);
    claimed.abort(new LeaseLostError('it has gone'));
    expect(await exiting).toBeInstanceOf(BackendUnavailableError);
    expect(desk.clock.pending).toBe(0);
  });
});
