import { sleep } from '../ambient/clock.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { currentHandling } from '../interceptors/current.js';
import type { MessageContext } from '../interceptors/message-context.js';
import { LeaseLostError, ShutdownError } from '../interceptors/handling.errors.js';
import type { MessageInterceptor } from '../interceptors/interceptor.js';
import type { Delivery } from '../message/delivery.js';
import { DEFAULT_IDEMPOTENCY } from '../policies/idempotency.policy.js';
import { Reject, Release, RetryAfter } from '../policies/verdicts.js';
import type { Store } from '../store/store.js';
import { AlteredBackend } from '../testing/altered-backend.js';
import { turns } from '../testing/virtual-clock.js';
import { MissingStoreError } from './build-pipeline.js';
import { Gate, Scene } from './consumer.fixture.js';

const DOWN = new BackendUnavailableError('main', 'receive', 'it is down');

/** Handlers that wait to be let go, one gate per message, in the order they started. */
class Gates {
  readonly started: string[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #gates: Gate[] = [];
  most = 0;
  #running = 0;

  readonly handle = async (context: MessageContext): Promise<void> => {
    const gate = new Gate();
    this.started.push(context.id);
    this.signals.push(context.signal);
    this.#gates.push(gate);
    this.most = Math.max(this.most, ++this.#running);
    await gate.passed.finally(() => this.#running--);
  };

  open(at: number): void {
    this.#gates[at]?.open();
  }

  openAll(): void {
    for (const gate of this.#gates) gate.open();
  }
}

// oxlint-disable-next-line unicorn/no-thenable -- what handlers of other libraries may return
const withThen = (then: unknown): unknown => ({ then });

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `m-${at + 1}`);

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

describe('a handler', () => {
  it.each<[string, () => unknown]>([
    ['returns', () => 5],
    ['resolves', () => Promise.resolve()],
    ['returns a thenable', () => withThen((done: () => void) => void setImmediate(done))],
    ['returns something with a then that is no function', () => withThen(1)],
  ])('that %s accepts its message', async (_how, handle) => {
    await scene.consume({ handle });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1);
    expect(scene.settled).toEqual(['ack a']);
    expect(await scene.depth()).toEqual({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new RangeError('no');
      },
    ],
    [
      'throws null',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error -- the case
        throw null;
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('no'))],
    ['rejects with nothing', () => Promise.reject(undefined as unknown as Error)],
    ['returns a thenable that rejects', () => withThen((_: unknown, no: (why: string) => void) => no('why'))],
    [
      'returns a thenable that is a function and rejects',
      // oxlint-disable-next-line unicorn/no-thenable -- what handlers of other libraries may return
      () => Object.assign(() => {}, { then: (_: unknown, no: (why: string) => void) => no('why') }),
    ],
    [
      'returns a thenable that throws when it is looked at',
      () =>
        new Proxy(
          {},
          {
            get: () => {
              throw new RangeError('no');
            },
          },
        ),
    ],
  ])('that %s gets its message again, and at last not any more', async (_how, handle) => {
    const attempts: number[] = [];
    await scene.consume({
      handle: (context) => {
        attempts.push(context.attempt);
        return handle();
      },
    });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 3);
    expect(scene.settled).toEqual(['retry a', 'retry a', 'dead a']);
    expect(attempts).toEqual([1, 2, 3]);
    const [letter] = await scene.dead();
    expect(letter?.failures.map(({ attempt, reason }) => `${attempt} ${reason}`)).toEqual([
      '1 handler_error',
      '2 handler_error',
      '3 handler_error',
    ]);
  });

  it('decides for itself by what it throws', async () => {
    const verdicts: Record<string, Error> = {
      rejected: new Reject('malformed'),
      later: new RetryAfter('10s'),
      back: new Release('10s'),
    };
    await scene.consume({ handle: ({ id }) => Promise.reject(verdicts[id] as Error) });
    await scene.publish('rejected', 'later', 'back');
    await scene.until(() => scene.settled.length === 3);
    expect(scene.settled).toEqual(['dead rejected', 'retry later', 'release back']);
    expect(await scene.depth()).toEqual({ ready: 0, delayed: 2, inflight: 0, dead: 1 });
    expect((await scene.dead())[0]?.failures).toMatchObject([
      { reason: 'rejected', error: { message: 'malformed' } },
    ]);
  });

  it('runs inside the interceptors of the application, the first one outermost', async () => {
    const steps: string[] = [];
    const named = (name: string): MessageInterceptor => ({
      intercept: async (context, next) => {
        steps.push(`${name} in ${context.id}`);
        await next();
        steps.push(`${name} out`);
      },
    });
    await scene.consume({ handle: () => void steps.push('handler'), interceptors: [named('a'), named('b')] });
    await scene.publish('m');
    await scene.until(() => scene.settled.length === 1);
    expect(steps).toEqual(['a in m', 'b in m', 'handler', 'b out', 'a out']);
  });

  it('fails when an interceptor of the application fails', async () => {
    const intercept = (): Promise<never> => Promise.reject(new RangeError('not you'));
    await scene.consume({ handle: () => {}, interceptors: [{ intercept }], retry: { attempts: 1 } });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1);
    expect((await scene.dead())[0]?.failures[0]).toMatchObject({
      reason: 'handler_error',
      error: { message: 'not you' },
    });
  });
});

describe('concurrency', () => {
  it('bounds the handlers at work, and prefetch what waits for them', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 3, prefetch: 2 } });
    await scene.publish(...ids(20));
    for (let done = 0; done < 20; done++) {
      await scene.until(() => gates.started.length >= Math.min(20, done + 3));
      expect(consumer.status().running).toBeLessThanOrEqual(3);
      expect(consumer.status().buffered).toBeLessThanOrEqual(2);
      expect((await scene.depth()).inflight).toBeLessThanOrEqual(5);
      gates.open(done);
    }
    await scene.until(() => scene.settled.length === 20);
    expect(gates.most).toBe(3);
    expect(gates.started).toEqual(ids(20));
    expect(consumer.status()).toMatchObject({ running: 0, buffered: 0, counts: { ack: 20 } });
  });

  it('asks for the next batch before the handlers of a full one start, so that the broker works meanwhile', async () => {
    const seen: string[] = [];
    const backend = new AlteredBackend(scene.backend, {
      receive: (rightly) => {
        seen.push('ask');
        return rightly();
      },
    });
    await scene.publish('a', 'b', 'c');
    const policies = { concurrency: 1, prefetch: 2 } as const;
    await scene.consume({ handle: ({ id }) => void seen.push(id), backend, policies });
    await scene.until(() => scene.settled.length === 3);
    expect(seen.slice(0, 4)).toEqual(['ask', 'ask', 'a', 'b']);
    await scene.publish('d');
    await scene.until(() => seen.includes('d'));
    expect(seen.indexOf('d')).toBeLessThan(seen.lastIndexOf('ask'));
  });

  it('can be raised and lowered at work', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 1, prefetch: 0 } });
    await scene.publish(...ids(10));
    await scene.until(() => gates.started.length === 1);
    consumer.setConcurrency(4);
    await scene.until(() => gates.started.length === 4);
    consumer.setConcurrency(2);
    gates.open(0);
    gates.open(1);
    await turns();
    expect(gates.started).toHaveLength(4);
    gates.open(2);
    await scene.until(() => gates.started.length === 5);
    expect(consumer.status().running).toBe(2);
    expect(() => consumer.setConcurrency(0)).toThrow(/concurrency is 0/);
    expect(() => consumer.setConcurrency(Number.NaN)).toThrow(/concurrency is NaN/);
    gates.openAll();
  });

  it('is lowered for what waits already, too', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 3, prefetch: 6 } });
    await scene.publish(...ids(9));
    await scene.until(() => gates.started.length === 3);
    consumer.setConcurrency(1);
    gates.open(0);
    gates.open(1);
    await turns();
    expect(gates.started).toHaveLength(3);
    gates.open(2);
    await turns();
    expect(gates.started).toHaveLength(4);
    gates.openAll();
    await scene.drain(consumer);
  });

  it('that is changed before the subscription is open holds from the first message', async () => {
    const gates = new Gates();
    const consumer = scene.consumer({ handle: gates.handle, policies: { concurrency: 3, prefetch: 5 } });
    const starting = consumer.start();
    consumer.setConcurrency(1);
    await starting;
    await scene.publish(...ids(3));
    await turns();
    expect(gates.started).toHaveLength(1);
    gates.openAll();
  });

  it('that is raised leaves the caller outside of the messages that start', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 1, prefetch: 1 } });
    await scene.publish('a', 'b');
    await scene.until(() => gates.started.length === 1 && consumer.status().buffered === 1);
    consumer.setConcurrency(2);
    expect(gates.started).toEqual(['a', 'b']);
    expect(currentHandling()).toBeUndefined();
    gates.openAll();
  });

  it('is whole again after handlers that answer at once and handlers that fail', async () => {
    const consumer = await scene.consume({
      handle: ({ id }) => (Number(id.slice(2)) % 2 === 0 ? Promise.reject(new Reject('even')) : id),
      policies: { concurrency: 2 },
    });
    await scene.publish(...ids(1_000));
    await scene.until(() => scene.settled.length === 1_000);
    expect(consumer.status()).toMatchObject({ running: 0, buffered: 0, counts: { ack: 500, dead: 500 } });
  });
});

describe('a pause', () => {
  it('gives back what waits, lets run what runs, and takes nothing until it is over', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 1, prefetch: 5 } });
    await scene.publish(...ids(3));
    await scene.until(() => gates.started.length === 1);
    consumer.pause();
    await scene.until(() => scene.settled.length === 2);
    expect(scene.settled).toEqual(['release m-2', 'release m-3']);
    gates.open(0);
    await scene.clock.advance(5_000);
    expect(consumer.status()).toMatchObject({ state: 'paused', running: 0, counts: { ack: 1 } });
    expect(await scene.depth()).toMatchObject({ ready: 2, inflight: 0 });
    consumer.resume();
    await scene.until(() => gates.started.length === 2);
    gates.openAll();
    await scene.until(() => gates.started.length === 3);
    gates.openAll();
    expect(gates.started).toEqual(ids(3));
  });

  it('before it is open is kept, and can be taken back before, too', async () => {
    const handled: string[] = [];
    const consumer = scene.consumer({ handle: ({ id }) => void handled.push(id) });
    consumer.pause();
    consumer.resume();
    expect(consumer.status().state).toBe('new');
    const starting = consumer.start();
    consumer.pause();
    await starting;
    await scene.publish('a');
    await scene.clock.advance(1_000);
    expect([handled, consumer.status().state]).toEqual([[], 'paused']);
    consumer.resume();
    await scene.until(() => handled.length === 1);
    expect(consumer.status().state).toBe('running');
  });

  it('of an idle consumer sends back what comes all the same', async () => {
    const handled: number[] = [];
    const consumer = await scene.consume({ handle: ({ attempt }) => void handled.push(attempt) });
    await turns();
    consumer.pause();
    await scene.publish('a');
    await turns();
    expect(await scene.depth()).toMatchObject({ ready: 1, inflight: 0 });
    consumer.resume();
    await scene.until(() => handled.length === 1);
    expect(handled).toEqual([1]);
  });
});

describe('a drain', () => {
  it('of an idle consumer takes no time', async () => {
    const consumer = await scene.consume({ handle: () => {} });
    await turns();
    expect(await scene.drain(consumer)).toBe(0);
    expect(consumer.status().state).toBe('stopped');
    await scene.publish('a');
    await scene.clock.advance(1_000);
    expect(await scene.depth()).toMatchObject({ ready: 1 });
  });

  it('waits for the running handler and gives back what has not started', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, policies: { concurrency: 1, prefetch: 5 } });
    await scene.publish(...ids(3));
    await scene.until(() => gates.started.length === 1);
    scene.clock.timer(2_000, () => gates.open(0));
    expect(await scene.drain(consumer)).toBe(2_000);
    expect(scene.settled).toEqual(['release m-2', 'release m-3', 'ack m-1']);
    expect(gates.signals[0]?.aborted).toBe(false);
    expect(await scene.depth()).toEqual({ ready: 2, delayed: 0, inflight: 0, dead: 0 });
  });

  it('cuts a handler short that knows its signal, and counts nothing against its message', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({
      handle: async (context) => {
        const stopped = new Promise((_, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
        });
        await Promise.race([gates.handle(context), stopped]);
      },
    });
    await scene.publish('a');
    await scene.until(() => gates.started.length === 1);
    expect(await scene.drain(consumer, 5_000)).toBe(4_000);
    expect(gates.signals[0]?.reason).toBeInstanceOf(ShutdownError);
    expect(scene.settled).toEqual(['release a']);
    await expectNextAttempt(1);
  });

  it('gives back the message of a handler that hangs, within the deadline', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({
      handle: gates.handle,
      policies: { idempotency: DEFAULT_IDEMPOTENCY },
    });
    await scene.publish('a');
    await scene.until(() => gates.started.length === 1);
    const tookMs = await scene.drain(consumer, 5_000);
    expect(tookMs).toBeGreaterThan(4_000);
    expect(tookMs).toBeLessThanOrEqual(5_000);
    expect(scene.settled).toEqual(['release a']);
    expect(consumer.status()).toMatchObject({ state: 'stopped', stuck: 1 });
    await expectNextAttempt(1);
    gates.openAll(); // too late: nothing happens
    await turns();
    expect(scene.settled).toEqual(['release a', 'ack a']);
    expect(consumer.status().stuck).toBe(0);
  });

  it('waits for what stations do about a message that is given up, and settles it after that', async () => {
    const gates = new Gates();
    const store: Store = {
      ...scene.store,
      write: async (ops) => {
        if (ops.some(({ op }) => op === 'delete')) await sleep(scene.clock, 100);
        return scene.store.write(ops);
      },
    };
    const consumer = await scene.consume({
      handle: gates.handle,
      policies: { idempotency: DEFAULT_IDEMPOTENCY },
      store,
    });
    await scene.publish('a');
    await scene.until(() => gates.started.length === 1);
    await scene.drain(consumer);
    expect(scene.settled).toEqual(['release a']);
    gates.openAll();
  });

  /** Whoever takes the message next is told this attempt. */
  async function expectNextAttempt(attempt: number): Promise<void> {
    const attempts: number[] = [];
    const next = await scene.consume({
      handle: (context) => void attempts.push(context.attempt, context.crashes),
      policies: { idempotency: DEFAULT_IDEMPOTENCY },
    });
    await scene.until(() => attempts.length > 0);
    expect(attempts).toEqual([attempt, 0]);
    await scene.drain(next);
  }

  it('is one drain, however often it is asked for', async () => {
    const consumer = await scene.consume({ handle: () => {} });
    expect(consumer.drain(1_000)).toBe(consumer.drain(5));
    await scene.drain(consumer);
  });

  it('may come before the start, or while it is under way', async () => {
    const never = scene.consumer({ handle: () => {} });
    await never.drain(1_000);
    await never.start();
    const slow = new AlteredBackend(scene.backend, {});
    const consumer = scene.consumer({ handle: () => {}, backend: slow });
    const starting = consumer.start();
    await consumer.drain(1_000);
    await starting;
    await scene.publish('a');
    await scene.clock.advance(1_000);
    expect(await scene.depth()).toMatchObject({ ready: 1, inflight: 0 });
    expect(consumer.status().state).toBe('stopped');
  });

  it('keeps its deadline when the broker answers nothing any more', async () => {
    let isHanging = false;
    const backend = new AlteredBackend(scene.backend, {
      settle: (acts, rightly) => (isHanging ? new Promise(() => {}) : rightly(acts)),
    });
    const gates = new Gates();
    const consumer = await scene.consume({ handle: gates.handle, backend });
    await scene.publish('a', 'b');
    await scene.until(() => gates.started.length === 2);
    isHanging = true;
    expect(await scene.drain(consumer, 3_000)).toBeLessThanOrEqual(3_000);
  });
});

describe('a message that may have ended its process', () => {
  it('runs alone, and gives its company back uncounted', async () => {
    await scene.publish('suspect');
    await scene.crashOn('suspect');
    await scene.publish(...ids(5));
    const gates = new Gates();
    const attempts: Record<string, number> = {};
    await scene.consume({
      handle: (context) => {
        attempts[context.id] = context.attempt;
        return gates.handle(context);
      },
      policies: { concurrency: 3, prefetch: 3 },
    });
    await scene.until(() => gates.started.length > 0);
    await scene.clock.advance(1_000);
    expect(gates.started).toEqual(['suspect']);
    expect(await scene.depth()).toMatchObject({ ready: 5, inflight: 1 });
    gates.openAll();
    await scene.until(() => gates.started.length >= 4);
    expect(gates.most).toBe(3);
    const done = setInterval20(() => gates.openAll());
    await scene.until(() => scene.settled.filter((act) => act.startsWith('ack')).length === 6);
    done();
    expect(attempts).toEqual({ suspect: 2, 'm-1': 1, 'm-2': 1, 'm-3': 1, 'm-4': 1, 'm-5': 1 });
  });

  it('dies after its own small number of crashes, unrun', async () => {
    await scene.publish('a');
    await scene.crashOn('a');
    await scene.crashOn('a');
    const handled: string[] = [];
    await scene.consume({ handle: ({ id }) => void handled.push(id), policies: { maxCrashes: 2 } });
    await scene.publish('b');
    await scene.until(() => handled.length === 1);
    expect(handled).toEqual(['b']);
    const [letter] = await scene.dead();
    expect(letter).toMatchObject({ id: 'a', crashes: 2, failures: [{ reason: 'crash' }] });
  });

  /** Calls `work` every 20 ms of virtual time, until what it answers with is called. */
  function setInterval20(work: () => void): () => void {
    let cancel = (): void => {};
    const tick = (): void => {
      work();
      cancel = scene.clock.timer(20, tick);
    };
    tick();
    return () => cancel();
  }
});

describe('a handler that hangs', () => {
  it('loses its message to a retry after timeout and grace; its late end is harmless, its slot kept until then', async () => {
    const gates = new Gates();
    const consumer = await scene.consume({
      handle: gates.handle,
      policies: { concurrency: 2, timeoutMs: 1_000, abortGraceMs: 500 },
    });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1, 1_600);
    expect(scene.clock.mono()).toBe(1_500);
    expect(scene.settled).toEqual(['retry a']);
    expect(consumer.status()).toMatchObject({ running: 1, stuck: 1 });
    expect(scene.faults).toEqual(['end a handler']);
    await scene.until(() => gates.started.length === 2);
    gates.openAll();
    await scene.until(() => scene.settled.length === 2);
    expect(scene.settled).toEqual(['retry a', 'ack a']);
    expect(consumer.status()).toMatchObject({ running: 0, stuck: 0, counts: { ack: 1, retry: 1 } });
  });

  it('is believed when it ends well within the grace, and failed by timeout when it does not', async () => {
    const gates = new Gates();
    await scene.consume({ handle: gates.handle, policies: { timeoutMs: 1_000, abortGraceMs: 500 } });
    await scene.publish('a');
    await scene.until(() => gates.signals[0]?.aborted === true);
    gates.open(0);
    await scene.until(() => scene.settled.length === 1);
    expect(scene.settled).toEqual(['ack a']);
  });

  it('keeps its message while it works, however long beyond the lease', async () => {
    const gates = new Gates();
    await scene.consume({ handle: gates.handle, policies: { leaseMs: 1_000 } });
    await scene.publish('a');
    await scene.clock.advance(30_000);
    expect(await scene.depth()).toMatchObject({ ready: 0, inflight: 1 });
    gates.openAll();
    await scene.until(() => scene.settled.length === 1);
    expect(gates.started).toEqual(['a']);
    expect(scene.settled).toEqual(['ack a']);
  });

  it('is told when its lease is lost, and whatever it answers then settles nothing', async () => {
    const gates = new Gates();
    const backend = new AlteredBackend(scene.backend, {
      settle: (acts, rightly) =>
        acts.some(({ kind }) => kind === 'extend') ? Promise.reject(DOWN) : rightly(acts),
    });
    const consumer = await scene.consume({ handle: gates.handle, backend, policies: { leaseMs: 1_000 } });
    await scene.publish('a');
    await scene.until(() => gates.signals[0]?.aborted === true);
    expect(gates.signals[0]?.reason).toBeInstanceOf(LeaseLostError);
    gates.open(0);
    await scene.until(() => gates.started.length === 2);
    expect(scene.settled).not.toContain('ack a');
    expect(consumer.status().counts).toMatchObject({ lost: 1, ack: 0, retry: 0 });
    gates.openAll();
    await scene.until(() => scene.settled.includes('ack a'));
  });
});

describe('a broker that fails', () => {
  it('is asked again after growing pauses, and consuming goes on', async () => {
    const askedAt: number[] = [];
    let isDown = true;
    const backend = new AlteredBackend(scene.backend, {
      receive: (rightly): Promise<readonly Delivery[]> => {
        askedAt.push(scene.clock.mono());
        return isDown ? Promise.reject(DOWN) : rightly();
      },
    });
    const consumer = await scene.consume({ handle: () => {}, backend });
    await scene.publish('a');
    await scene.clock.advance(60_000);
    const pauses = askedAt.slice(1).map((at, index) => at - (askedAt[index] as number));
    expect(pauses[0]).toBeGreaterThanOrEqual(100);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(9_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000);
    expect(scene.faults).toEqual(['receive messages']); // once, not for each try
    expect(consumer.status().lastError).toMatch(/it is down/);
    isDown = false;
    await scene.until(() => scene.settled.length === 1);
  });

  it('does not keep a drain waiting for the next try', async () => {
    const backend = new AlteredBackend(scene.backend, { receive: () => Promise.reject(DOWN) });
    const consumer = await scene.consume({ handle: () => {}, backend });
    await scene.clock.advance(30_000);
    expect(await scene.drain(consumer)).toBe(0);
  });

  it('gets a settlement again that it failed to take', async () => {
    let failures = 2;
    const backend = new AlteredBackend(scene.backend, {
      settle: (acts, rightly) => (failures-- > 0 ? Promise.reject(DOWN) : rightly(acts)),
    });
    await scene.consume({ handle: () => {}, backend });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1);
    expect(scene.settled).toEqual(['ack a']);
  });

  it('is no reason to start when it refuses to open', async () => {
    const backend = new AlteredBackend(scene.backend, {
      open: () => {
        throw DOWN;
      },
    });
    await expect(scene.consumer({ handle: () => {}, backend }).start()).rejects.toThrow(DOWN);
  });
});

describe('a consumer of at most once', () => {
  const policies = { delivery: 'at-most-once' } as const;
  const retry = { attempts: 1 };

  it('has told the broker before its handler starts, and tells it nothing afterwards', async () => {
    const depths: unknown[] = [];
    const handle = async (): Promise<void> => void depths.push(await scene.depth());
    const consumer = await scene.consume({ handle, policies, retry });
    await scene.publish(...ids(3));
    await scene.until(() => consumer.status().counts.ack === 3);
    expect(depths.at(-1)).toEqual({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
    expect(scene.settled).toEqual(['ack m-1', 'ack m-2', 'ack m-3']);
  });

  it('loses what fails, and says so', async () => {
    const handle = (): never => {
      throw new TypeError('no');
    };
    const consumer = await scene.consume({ handle, policies, retry });
    await scene.publish('m-1');
    await scene.until(() => consumer.status().counts.lost === 1);
    await scene.clock.advance(60_000);
    expect(scene.faults).toEqual(['handle message m-1, which is lost, as at-most-once allows']);
    expect(await scene.depth()).toEqual({ ready: 0, delayed: 0, inflight: 0, dead: 0 });
  });

  it('does not start a handler whose acknowledgement is in doubt', async () => {
    const started: string[] = [];
    const backend = new AlteredBackend(scene.backend, { settle: async (acts) => acts.map(() => DOWN) });
    await scene.consume({ handle: ({ id }) => started.push(id), policies, retry, backend });
    await scene.publish('m-1');
    await scene.clock.advance(20_000);
    expect(started).toEqual([]);
    await scene.clock.advance(11_000);
    expect((await scene.depth()).ready + (await scene.depth()).inflight).toBe(1);
  });

  it('loses at a shutdown what does not end in time, and renews no lease', async () => {
    const gate = new Gate();
    const asked: string[] = [];
    const backend = new AlteredBackend(scene.backend, {
      settle: (acts, rightly) => {
        asked.push(...acts.map(({ kind }) => kind));
        return rightly(acts);
      },
    });
    const consumer = await scene.consume({ handle: () => gate.passed, policies, retry, backend });
    await scene.publish('m-1');
    await scene.clock.advance(120_000);
    await scene.drain(consumer);
    expect(asked).toEqual(['ack']);
    expect(scene.faults).toEqual([
      'end a handler',
      'handle message m-1, which is lost, as at-most-once allows',
    ]);
    gate.open();
  });

  it('keeps as a dead letter what is no event, because nobody has handled that yet', async () => {
    await scene.consume({ handle: () => undefined, policies, retry });
    await scene.bus.publishRaw('orders', 'not an event', { id: 'm-1' });
    await scene.until(() => scene.settled.length === 1);
    expect(scene.settled).toEqual(['dead m-1']);
  });
});

describe('an idempotent consumer', () => {
  it('needs something to remember in, and says so before anything is opened', () => {
    const policies = { idempotency: DEFAULT_IDEMPOTENCY };
    expect(() => scene.consumer({ handle: () => {}, policies, store: 'none' })).toThrow(MissingStoreError);
  });

  it('handles an intent once, however often and under whatever id it is published', async () => {
    const handled: string[] = [];
    await scene.consume({
      handle: ({ id }) => void handled.push(id),
      policies: { idempotency: DEFAULT_IDEMPOTENCY, concurrency: 5 },
    });
    for (const id of ['a', 'b', 'a']) await scene.bus.publish('orders', 1, { id, idempotencyKey: 'pay-1' });
    await scene.until(() => scene.settled.filter((act) => act.startsWith('ack')).length === 3);
    expect(handled).toEqual(['a']);
  });
});

describe('what a handler publishes', () => {
  it('carries on the conversation, and names its cause', async () => {
    const seen: (readonly [string, string | undefined, string | undefined, string | undefined])[] = [];
    await scene.consume({
      handle: async ({ id, event }) => {
        seen.push([id, event?.correlation_id, event?.causation_id, event?.tenant]);
        await new Promise((resolve) => setImmediate(resolve));
        if (id.length < 3) await scene.bus.publish('orders', {}, { id: `${id}+` });
      },
      policies: { concurrency: 4 },
    });
    await scene.bus.publish('orders', {}, { id: 'a', tenant: 'acme' });
    await scene.bus.publish('orders', {}, { id: 'b', correlationId: 'talk' });
    await scene.until(() => seen.length === 6);
    expect(seen.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
      ['a', 'a', undefined, 'acme'],
      ['a+', 'a', 'a', 'acme'],
      ['a++', 'a', 'a+', 'acme'],
      ['b', 'talk', undefined, undefined],
      ['b+', 'talk', 'b', undefined],
      ['b++', 'talk', 'b+', undefined],
    ]);
    await scene.bus.publish('orders', {}, { id: 'outside' });
    await scene.until(() => seen.length === 7);
    expect(seen[6]).toEqual(['outside', 'outside', undefined, undefined]);
  });
});
