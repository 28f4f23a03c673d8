import { PublishOutcomeUnknownError } from '../backend/backend.errors.js';
import type { Backend } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import { memoryBackend } from '../backends/memory/index.js';
import { DEFAULT_IDEMPOTENCY } from '../policies/idempotency.policy.js';
import { fixed } from '../policies/backoff.js';
import { Reject, Release } from '../policies/verdicts.js';
import { Bus } from '../publish/bus.js';
import { RequestFailedError, RequestTimeoutError } from '../publish/request.errors.js';
import { AlteredBackend } from '../testing/altered-backend.js';
import { ProcessView } from '../testing/process-view.js';
import { Gate, Scene, WORK } from './consumer.fixture.js';

let scene: Scene;
beforeEach(async () => void (scene = await Scene.open()));
afterEach(() => scene.close());

/** Whatever it comes to, while time passes. */
async function outcomeOf(request: Promise<unknown>): Promise<unknown> {
  let settled: { readonly outcome: unknown } | undefined;
  void request.then(
    (outcome) => (settled = { outcome }),
    (outcome: unknown) => (settled = { outcome }),
  );
  await scene.until(() => settled !== undefined);
  return settled?.outcome;
}

const ask = (data: unknown = { n: 1 }, timeout = 5_000): Promise<unknown> =>
  outcomeOf(scene.bus.request('orders', data, { timeout }));

describe('a request', () => {
  it('is answered with what the handler returned', async () => {
    await scene.consume({ handle: async ({ data }) => ({ double: (data as { n: number }).n * 2 }) });
    expect(await ask({ n: 21 })).toEqual({ double: 42 });
    expect(scene.bus.requests()).toMatchObject({ answered: 1, pending: 0, dropped: 0 });
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'done'],
    ['bytes', new Uint8Array([0, 255])],
  ])('brings %s as it is', async (_what, answer) => {
    await scene.consume({ handle: () => answer });
    expect(await ask()).toEqual(answer);
  });

  it('takes its payload before it returns, although the way for replies is not open yet', async () => {
    await scene.consume({ handle: ({ data }) => data });
    const data = { n: 1 };
    const request = scene.bus.request('orders', data, { timeout: 5_000 });
    data.n = 2;
    expect(await outcomeOf(request)).toEqual({ n: 1 });
  });

  it('carries the conversation there and back', async () => {
    const seen: unknown[] = [];
    await scene.consume({ handle: ({ event }) => void seen.push(event?.correlation_id) });
    await outcomeOf(scene.bus.request('orders', 1, { timeout: '5s', correlationId: 'talk' }));
    expect(seen).toEqual(['talk']);
  });

  it('finds each its own answer among many', async () => {
    await scene.consume({ handle: ({ data }) => data, policies: { concurrency: 10 } });
    const numbers = Array.from({ length: 200 }, (_, n) => n);
    const all = numbers.map((n) => scene.bus.request('orders', n, { timeout: 5_000 }));
    expect(await outcomeOf(Promise.all(all))).toEqual(numbers);
  });

  it('is answered once, by the attempt that succeeds', async () => {
    const attempts: number[] = [];
    await scene.consume({
      handle: ({ attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new TypeError('not yet');
        return attempt;
      },
    });
    expect(await ask()).toBe(3);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('is answered before it is settled, and a second answer after a crash is dropped', async () => {
    const process = new ProcessView(scene.backend);
    process.settleFailure = 'lost'; // its acknowledgements never arrive
    await scene.consume({ handle: () => 'first', backend: process });
    expect(await ask(1, 300_000)).toBe('first');
    process.kill();
    await scene.consume({ handle: () => 'second' });
    await scene.until(() => scene.bus.requests().dropped === 1);
    expect(scene.bus.requests()).toMatchObject({ answered: 1 });
  });

  it('fails with the words of a Reject, and no stack', async () => {
    await scene.consume({
      handle: () => {
        throw new Reject('the order is closed');
      },
    });
    const error = await ask();
    expect(error).toBeInstanceOf(RequestFailedError);
    expect(error).toMatchObject({ code: 'request_failed', reason: 'rejected' });
    expect((error as Error).message).toMatch(
      /"orders" failed at its handler \(rejected\): the order is closed/,
    );
    expect(await scene.dead()).toHaveLength(1);
  });

  it('fails after the last attempt without the text of an error that was not meant for it', async () => {
    await scene.consume({
      handle: () => {
        throw Object.assign(new Error('password is swordfish'), { code: 'ECONNREFUSED' });
      },
    });
    const error = await ask();
    expect(error).toMatchObject({ reason: 'handler_error', handlerCode: 'ECONNREFUSED' });
    expect((error as Error).message).not.toContain('swordfish');
    expect(scene.bus.requests()).toMatchObject({ failed: 1 });
  });

  it('fails when its answer cannot be sent, and is not handled again', async () => {
    let runs = 0;
    await scene.consume({ handle: () => ({ at: 1n, runs: ++runs }) });
    expect(await ask()).toMatchObject({ reason: 'unserializable', handlerCode: 'serialize_error' });
    expect(runs).toBe(1);
    expect(scene.faults).toEqual([]);
  });

  it('times out when nobody handles it, and is not handled afterwards', async () => {
    const error = await ask({ n: 1 }, 1_000);
    expect(error).toBeInstanceOf(RequestTimeoutError);
    expect(error).toMatchObject({ code: 'request_timeout', mayHaveBeenHandled: true });
    let runs = 0;
    await scene.consume({ handle: () => void runs++ });
    await scene.clock.advance(60_000);
    expect(runs).toBe(0);
  });

  it('times out while its handler runs; the late answer is dropped and counted', async () => {
    const gate = new Gate();
    await scene.consume({ handle: () => gate.passed });
    expect(await ask({ n: 1 }, 1_000)).toBeInstanceOf(RequestTimeoutError);
    gate.open();
    await scene.until(() => scene.bus.requests().dropped === 1);
    expect(scene.settled).toEqual([expect.stringMatching(/^ack /)]);
    expect(scene.bus.requests()).toMatchObject({ timedOut: 1, answered: 0, pending: 0 });
  });

  it('that came too late is not handled on a backend that keeps what is out of date', async () => {
    const keeping = new KeepingBackend(scene.backend, {
      publish: (batch, rightly) => rightly(batch.map((message) => ({ ...message, ttlMs: undefined }))),
    });
    const bus = new Bus({ backend: keeping, source: 'urn:test', ambient: scene.ambient });
    let runs = 0;
    const request = bus.request('orders', 1, { timeout: '1s' });
    expect(await outcomeOf(request)).toBeInstanceOf(RequestTimeoutError);
    await scene.consume({ handle: () => void runs++, backend: keeping });
    await scene.until(() => scene.settled.length === 1);
    expect([runs, scene.settled]).toEqual([0, [expect.stringMatching(/^ack /)]]);
    await bus.close();
  });

  it('whose answer cannot be stored stays done, and it is reported', async () => {
    const full = new AlteredBackend(scene.backend, {
      publish: async (batch) => batch.map(() => ({ status: 'refused', error: new LostAnswer('full') })),
    });
    const bus = new Bus({ backend: full, source: 'urn:test', ambient: scene.ambient });
    await scene.consume({ handle: () => 'done', replier: bus.replier });
    expect(await ask(1, 1_000)).toBeInstanceOf(RequestTimeoutError);
    expect(scene.faults).toEqual(['pass station reply']);
    expect(scene.settled).toEqual([expect.stringMatching(/^ack /)]);
    await bus.close();
  });

  it('to somebody who is gone is handled, and its answer counted as undeliverable', async () => {
    const bus = new Bus({ backend: scene.backend, source: 'urn:gone', ambient: scene.ambient });
    const request = bus.request('orders', 1, { timeout: '50s' }).catch((error: unknown) => error);
    await scene.until(() => bus.requests().pending === 1);
    await scene.clock.advance(10);
    await bus.close();
    await request;
    await scene.consume({ handle: () => 'done' });
    await scene.until(() => scene.settled.length === 1);
    expect(scene.bus.requests()).toMatchObject({ undeliverable: 1 });
    expect(scene.faults).toEqual([]);
  });

  it('is not answered by a release', async () => {
    let runs = 0;
    await scene.consume({
      handle: () => {
        if (++runs === 1) throw new Release('100ms');
        return runs;
      },
    });
    expect(await ask()).toBe(2);
  });

  it('of a duplicate says so where the answer was not kept', async () => {
    const policies = { idempotency: { ...DEFAULT_IDEMPOTENCY, key: () => 'same' } };
    await scene.consume({ handle: () => 'done', policies });
    expect(await ask()).toBe('done');
    expect(await ask()).toMatchObject({ code: 'request_failed', reason: 'duplicate' });
  });

  it('that the backend holds for a second copy is told so, because the answer goes to the first', async () => {
    await scene.consume({ handle: () => 'done' });
    const twice = () => scene.bus.request('orders', 1, { timeout: '5s', id: 'one', dedup: '1m' });
    expect(await outcomeOf(twice())).toBe('done');
    expect(await outcomeOf(twice())).toMatchObject({ code: 'request_failed', reason: 'duplicate' });
  });

  it('to a topic without a subscription is refused at once', async () => {
    const error = await outcomeOf(scene.bus.request('nowhere', 1, { timeout: '5s' }));
    expect(error).toMatchObject({ code: 'unroutable' });
    expect(scene.bus.requests().pending).toBe(0);
  });

  it.each([
    [{ timeout: -1 }, 'invalid_duration'],
    [{ timeout: 1_000, headers: { 'pp-reply-to': 'pp.reply.mine' } }, 'invalid_header'],
  ])('with wrong options is refused: %j', async (options, code) => {
    expect(await outcomeOf(scene.bus.request('orders', 1, options))).toMatchObject({ code });
  });

  it('that waits when the bus closes is told', async () => {
    const request = scene.bus.request('orders', 1, { timeout: '5s' }).catch((error: unknown) => error);
    await scene.clock.advance(10);
    const closing = scene.bus.close();
    expect(await request).toMatchObject({ code: 'closed' });
    await closing;
    expect(await outcomeOf(scene.bus.request('orders', 1, { timeout: '5s' }))).toMatchObject({
      code: 'closed',
    });
  });

  it('whose publish ended as unknown waits for its answer all the same', async () => {
    const unsure = new AlteredBackend(scene.backend, {
      publish: async (batch, rightly) => {
        const results = await rightly(batch);
        const isRequest = batch.some(({ topic }) => topic === 'orders');
        return isRequest
          ? batch.map(() => ({ status: 'unknown', error: new LostAnswer('no answer') }))
          : results;
      },
    });
    const bus = new Bus({ backend: unsure, source: 'urn:test', ambient: scene.ambient });
    await scene.consume({ handle: () => 'stored' });
    expect(await outcomeOf(bus.request('orders', 1, { timeout: '5s' }))).toBe('stored');
    await bus.close();
  });
});

class KeepingBackend extends AlteredBackend {
  override get capabilities(): Capabilities {
    return { ...super.capabilities, ttl: 'none' };
  }
}

class LateBackend extends AlteredBackend {
  #isOpen = false;

  override get capabilities(): Capabilities {
    return { ...super.capabilities, ephemeral: this.#isOpen };
  }

  override ensure(...args: Parameters<Backend['ensure']>): ReturnType<Backend['ensure']> {
    this.#isOpen = true;
    return super.ensure(...args);
  }
}

class LostAnswer extends PublishOutcomeUnknownError {}

describe('the private subscription for replies', () => {
  const subscriptions = async (): Promise<readonly string[]> =>
    (await scene.bus.depth()).map(({ subscription }) => subscription);

  it('is there from the first request on, once for all, and goes with the bus', async () => {
    await scene.consume({ handle: () => 1 });
    const bus = new Bus({ backend: scene.backend, source: 'urn:other', ambient: scene.ambient });
    expect(await subscriptions()).toEqual([WORK.name]);
    for (let times = 0; times < 3; times++) await outcomeOf(bus.request('orders', 1, { timeout: '5s' }));
    expect(await subscriptions()).toEqual([WORK.name, expect.stringMatching(/^pp\.reply\./)]);
    await bus.close();
    expect(await subscriptions()).toEqual([WORK.name]);
  });

  it('comes again when it expired while the process slept', async () => {
    await scene.consume({ handle: () => 1 });
    expect(await ask()).toBe(1);
    const [, name = ''] = await subscriptions();
    const thief = await scene.backend.open({ name, topics: [name], leaseMs: 1_000 });
    await thief.close(); // takes it along
    await scene.clock.advance(1_000);
    expect(await ask()).toBe(1);
  });

  it('is opened on a backend that tells what it can only once it is open', async () => {
    await scene.consume({ handle: () => 1 });
    const bus = new Bus({
      backend: new LateBackend(scene.backend, {}),
      source: 'urn:late',
      ambient: scene.ambient,
    });
    expect(await outcomeOf(bus.request('orders', 1, { timeout: '5s' }))).toBe(1);
    await bus.close();
  });

  it('is tried again by the next request when it could not be opened', async () => {
    let refuses = true;
    const { backend } = await memoryBackend.open('other', {}, scene.ambient);
    const shy = new AlteredBackend(backend, {
      ensure: (topology) => {
        if (refuses) throw new LostAnswer('the broker is away');
        return topology;
      },
    });
    const bus = new Bus({ backend: shy, source: 'urn:other', ambient: scene.ambient });
    expect(await outcomeOf(bus.request('orders', 1, { timeout: '1s' }))).toBeInstanceOf(Error);
    refuses = false;
    expect(await outcomeOf(bus.request('orders', 1, { timeout: '1s' }))).toMatchObject({
      code: 'unroutable',
    });
    await bus.close();
    await backend.close(new Date(0));
  });
});

describe('a reply', () => {
  it('reaches nobody but its requester, not even who listens to everything', async () => {
    await scene.backend.ensure({ subscriptions: [{ name: 'everything', topics: ['#'] }] }, 'create');
    await scene.consume({ handle: () => 'done' });
    expect(await ask()).toBe('done');
    const heard = await scene.backend.open({ name: 'everything', topics: ['#'], leaseMs: 1_000 });
    const deliveries = await heard.receive(10, new AbortController().signal);
    expect(deliveries.map(({ topic }) => topic)).toEqual(['orders']);
    await heard.close();
  });
});

describe('a handler without a request', () => {
  it('answers nobody, whatever it returns', async () => {
    await scene.consume({ handle: () => 'nobody asked', retry: { backoff: fixed(1) } });
    await scene.publish('plain');
    await scene.until(() => scene.settled.length === 1);
    expect(scene.bus.requests()).toMatchObject({ undeliverable: 0, dropped: 0 });
    expect(scene.faults).toEqual([]);
  });
});
