import type { Receiver } from '../../backend/backend.js';
import type { Delivery } from '../../message/delivery.js';
import { MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import type { Headers } from '../../message/headers.js';
import {
  failure,
  inspect,
  message,
  NEVER,
  settle,
  SqliteFixture,
  take,
  takeNow,
  takeOne,
  turn,
  work,
} from './sqlite.fixture.js';

let fixture: SqliteFixture;
beforeEach(() => void (fixture = new SqliteFixture()));
afterEach(() => fixture.close());

/** By then a receiver that nobody woke looks again by itself. */
const AN_IDLE_WAIT_MS = 900;

const ids = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ id }) => id);
const depth = async (receiverOf: Awaited<ReturnType<SqliteFixture['openReady']>>): Promise<unknown> =>
  (await inspect(receiverOf, { kind: 'depth', subscription: 'work' }))[0];

describe('what is delivered', () => {
  it('is what was published, byte for byte', async () => {
    const backend = await fixture.openReady();
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const headers = Object.assign(Object.create(null) as object, {
      __proto__x: '1',
      ['__proto__']: 'é',
      empty: '',
    }) as Headers;
    const bodies = [
      '',
      'plain',
      'nul \0 inside',
      '\ufeffé😀',
      new Uint8Array(0),
      every,
      new Uint8Array([0xff, 0xfe]),
    ];
    await backend.publish(bodies.map((body, at) => message(`m${at}`, { body, headers, key: `k${at}` })));
    const taken = await take(await work(backend), bodies.length);
    expect(taken.map(({ body }) => (typeof body === 'string' ? body : Uint8Array.from(body)))).toEqual(
      bodies,
    );
    expect(taken.map(({ key }) => key)).toEqual(bodies.map((_, at) => `k${at}`));
    for (const delivery of taken) {
      expect(Object.getPrototypeOf(delivery.headers)).toBeNull();
      expect(Object.entries(delivery.headers)).toEqual(Object.entries(headers));
    }
  });

  it('comes in the order it became ready', async () => {
    const backend = await fixture.openReady();
    await backend.publish([
      message('late', { delayMs: 50 }),
      message('later', { delayMs: 60 }),
      message('a'),
      message('b'),
    ]);
    fixture.clock.aheadMs = 1_000;
    await backend.publish([message('c')]);
    expect(ids(await take(await work(backend), 5))).toEqual(['a', 'b', 'late', 'later', 'c']);
  });

  it('waits for its delay and is gone after its time to live', async () => {
    const backend = await fixture.openReady();
    const receiver = await work(backend);
    await backend.publish([
      message('delayed', { delayMs: 5_000 }),
      message('short', { ttlMs: 1_000, delayMs: 500 }),
    ]);
    expect(await takeNow(receiver)).toEqual([]);
    fixture.clock.aheadMs = 6_000;
    expect(await depth(backend)).toMatchObject({ ready: 1, delayed: 0 });
    expect(ids(await take(receiver, 1))).toEqual(['delayed']);
    expect(await depth(backend)).toMatchObject({ ready: 0, delayed: 0, inflight: 1 });
  });

  it('is found behind many that expired', async () => {
    const backend = await fixture.openReady();
    await backend.publish(Array.from({ length: 1_000 }, (_, at) => message(`old${at}`, { ttlMs: 0 })));
    await backend.publish([message('alive')]);
    expect(ids(await take(await work(backend), 1))).toEqual(['alive']);
  });

  it('arrives when it is due, though nothing else happens', async () => {
    const backend = await fixture.openReady();
    const receiver = await work(backend);
    await backend.publish([message('soon', { delayMs: 40 })]);
    const { publishedAt } = await takeOne(receiver);
    const waitedMs = fixture.clock.now() - publishedAt;
    expect(waitedMs).toBeGreaterThanOrEqual(40);
    expect(waitedMs).toBeLessThan(AN_IDLE_WAIT_MS);
  });

  it('is shared by the receivers of a subscription, each message once', async () => {
    const backend = await fixture.openReady();
    const receivers = await Promise.all([work(backend), work(backend), work(await fixture.openReady())]);
    await backend.publish(Array.from({ length: 30 }, (_, at) => message(`m${at}`)));
    const taken = (await Promise.all(receivers.map((receiver) => take(receiver, 10)))).flat();
    expect(new Set(ids(taken)).size).toBe(30);
  });
});

describe('settling', () => {
  let receiver: Receiver;
  let backend: Awaited<ReturnType<SqliteFixture['openReady']>>;
  beforeEach(async () => {
    backend = await fixture.openReady();
    receiver = await work(backend);
    await backend.publish([message('a')]);
  });

  it('counts failures and crashes as attempts, and releases not', async () => {
    const first = await takeOne(receiver);
    expect(await settle(receiver, { kind: 'release', delivery: first })).toBe('ok');
    const second = await takeOne(receiver);
    expect(second).toMatchObject({ attempt: 1, crashes: 0, failures: [], ref: first.ref });
    await settle(receiver, { kind: 'retry', delivery: second, delayMs: 0, failure: failure(1) });
    expect(await takeOne(receiver)).toMatchObject({ attempt: 2, crashes: 0, failures: [failure(1)] });
    fixture.clock.aheadMs = 60_001;
    expect(await depth(backend)).toMatchObject({ ready: 1, inflight: 0 });
    expect(await takeOne(receiver)).toMatchObject({ attempt: 3, crashes: 1, failures: [failure(1)] });
  });

  it('says noop to a second settlement, in one call or in two', async () => {
    const delivery = await takeOne(receiver);
    const ack = { kind: 'ack', delivery } as const;
    expect(await receiver.settle([ack, ack])).toEqual(['ok', 'noop']);
    expect(await settle(receiver, { kind: 'release', delivery })).toBe('noop');
    const [again] = await Promise.all([settle(receiver, ack), settle(receiver, ack)]);
    expect(again).toBe('noop');
  });

  it('changes nothing for a holder whose lease ran out, before and after somebody else has it', async () => {
    const stale = await takeOne(receiver);
    fixture.clock.aheadMs = 60_001;
    for (const kind of ['ack', 'release'] as const)
      expect(await settle(receiver, { kind, delivery: stale })).toBe('lost');
    expect(await settle(receiver, { kind: 'extend', delivery: stale, leaseMs: 1_000 })).toBe('lost');
    const held = await takeOne(receiver);
    expect(await settle(receiver, { kind: 'retry', delivery: stale, delayMs: 0, failure: failure(1) })).toBe(
      'lost',
    );
    expect(await settle(receiver, { kind: 'dead', delivery: stale, failure: failure(1) })).toBe('lost');
    expect(await depth(backend)).toMatchObject({ ready: 0, inflight: 1, dead: 0 });
    expect(await settle(receiver, { kind: 'ack', delivery: held })).toBe('ok');
  });

  it('is lost for a delivery that is not ours', async () => {
    const delivery = { ...(await takeOne(receiver)) };
    expect(await settle(receiver, { kind: 'ack', delivery })).toBe('lost');
  });

  it('extends a lease, within the limit', async () => {
    const delivery = await takeOne(receiver);
    fixture.clock.aheadMs = 50_000;
    expect(await settle(receiver, { kind: 'extend', delivery, leaseMs: 60_000 })).toBe('ok');
    fixture.clock.aheadMs = 100_000;
    expect(await takeNow(receiver)).toEqual([]);
    expect(await settle(receiver, { kind: 'extend', delivery, leaseMs: 86_400_000 })).toMatchObject({
      code: 'unsupported',
    });
    expect(await settle(receiver, { kind: 'ack', delivery })).toBe('ok');
  });

  it('puts a released message back in its old place', async () => {
    const delivery = await takeOne(receiver);
    await backend.publish([message('b')]);
    await settle(receiver, { kind: 'release', delivery });
    expect(ids(await take(receiver, 2))).toEqual(['a', 'b']);
  });

  it('keeps a message back that is released for later, and counts no attempt', async () => {
    const delivery = await takeOne(receiver);
    expect(await settle(receiver, { kind: 'release', delivery, delayMs: 10_000 })).toBe('ok');
    expect(await depth(backend)).toMatchObject({ ready: 0, delayed: 1, inflight: 0 });
    fixture.clock.aheadMs = 9_000;
    expect(await takeNow(receiver)).toEqual([]);
    fixture.clock.aheadMs = 10_001;
    expect(await takeOne(receiver)).toMatchObject({ id: 'a', attempt: 1, crashes: 0 });
  });

  it('keeps the newest failures of a message that fails for ever', async () => {
    for (let attempt = 1; attempt <= MAX_FAILURE_HISTORY + 2; attempt++) {
      const delivery = await takeOne(receiver);
      expect(delivery.attempt).toBe(attempt);
      await settle(receiver, { kind: 'retry', delivery, delayMs: 0, failure: failure(attempt) });
    }
    const { failures } = await takeOne(receiver);
    expect(failures.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: MAX_FAILURE_HISTORY }, (_, at) => at + 3),
    );
  });

  it('settles what was taken after the receiver closed', async () => {
    const delivery = await takeOne(receiver);
    await receiver.close();
    expect(await receiver.receive(1, NEVER)).toEqual([]);
    expect(await settle(receiver, { kind: 'ack', delivery })).toBe('ok');
  });

  it('answers with an error once the backend is closed', async () => {
    const delivery = await takeOne(receiver);
    await backend.close(new Date(fixture.clock.now() + 1_000));
    expect(await settle(receiver, { kind: 'ack', delivery })).toMatchObject({ code: 'closed' });
  });
});

describe('receiving', () => {
  it('ends at once when its signal aborts, and takes nothing then', async () => {
    const backend = await fixture.openReady();
    const receiver = await work(backend);
    const stop = new AbortController();
    const idle = receiver.receive(1, stop.signal);
    await turn();
    await backend.publish([message('a')]);
    await idle;
    const late = new AbortController();
    await backend.publish([message('b')]);
    const claiming = receiver.receive(1, late.signal);
    late.abort();
    expect(await claiming).toEqual([]);
    expect(await receiver.receive(1, AbortSignal.abort())).toEqual([]);
    expect(ids(await take(receiver, 1))).toEqual(['b']);
  });

  it('is woken by a release and by a retry of the same process', async () => {
    const backend = await fixture.openReady({ pollMs: 60_000 });
    await backend.publish([message('a')]);
    const [receiver, waiting] = [await work(backend), await work(backend)];
    const delivery = await takeOne(receiver);
    const next = takeOne(waiting);
    await turn();
    const startedAt = fixture.clock.mono();
    await settle(receiver, { kind: 'release', delivery });
    const again = await next;
    const last = takeOne(receiver);
    await settle(waiting, { kind: 'retry', delivery: again, delayMs: 5, failure: failure(1) });
    expect(await last).toMatchObject({ id: 'a', attempt: 2 });
    expect(fixture.clock.mono() - startedAt).toBeLessThan(AN_IDLE_WAIT_MS);
  });
});

describe('dead letters', () => {
  it('keep bytes, headers and the history of failures', async () => {
    const backend = await fixture.openReady();
    const body = new Uint8Array([0xff, 0, 0x7b]);
    const headers = Object.assign(Object.create(null) as object, { tenant: 'acme' }) as Headers;
    await backend.publish([message('bad', { body, headers, key: 'k' })]);
    const receiver = await work(backend);
    await settle(receiver, {
      kind: 'retry',
      delivery: await takeOne(receiver),
      delayMs: 0,
      failure: failure(1),
    });
    const delivery = await takeOne(receiver);
    expect(await settle(receiver, { kind: 'dead', delivery, failure: failure(2) })).toBe('ok');
    const [dead] = await inspect(backend, { kind: 'browse', subscription: 'work', state: 'dead', limit: 10 });
    expect(dead).toMatchObject({
      ref: delivery.ref,
      id: 'bad',
      topic: 'orders',
      key: 'k',
      headers: { tenant: 'acme' },
      attempts: 2,
      crashes: 0,
      failures: [failure(1), failure(2)],
      publishedAt: delivery.publishedAt,
    });
    expect(Uint8Array.from((dead as unknown as { body: Uint8Array }).body)).toEqual(body);
  });
});
