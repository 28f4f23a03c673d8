import type { BatchContext } from '../interceptors/batch-context.js';
import { currentHandling } from '../interceptors/current.js';
import type { BatchPolicy } from '../policies/batch.policy.js';
import { DEFAULT_IDEMPOTENCY } from '../policies/idempotency.policy.js';
import { Reject } from '../policies/verdicts.js';
import { BatchHandler } from './batch-handler.js';
import { type ConsumerSetup, Gate, Scene } from './consumer.fixture.js';
import type { Consumer } from './consumer.js';

const SIZE: BatchPolicy = { size: 3, withinMs: 100, bytes: undefined, by: undefined };
const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `m-${at + 1}`);

let scene: Scene;
let batches: string[][];
beforeEach(async () => {
  scene = await Scene.open();
  batches = [];
});
afterEach(() => scene.close());

interface Setup extends Omit<ConsumerSetup, 'handle' | 'handler'> {
  readonly batch?: Partial<BatchPolicy>;
  readonly concurrency?: number;
  readonly run?: (batch: BatchContext) => unknown;
}

function consume({ batch = {}, concurrency = 1, run, ...setup }: Setup = {}): Promise<Consumer> {
  const policy = { ...SIZE, ...batch };
  const noting = (of: BatchContext): unknown => {
    batches.push(of.items.map(({ id }) => id));
    return run?.(of);
  };
  const handler = new BatchHandler({
    name: 'Orders.onAll',
    clock: scene.clock,
    policy,
    concurrency,
    run: noting,
  });
  return scene.consume({ ...setup, handler, policies: { ...setup.policies, concurrency, batch: policy } });
}

describe('a batch', () => {
  it('runs when it is full, and in the order in which its messages came', async () => {
    await consume();
    await scene.publish(...ids(6));
    await scene.until(() => scene.settled.length === 6);
    expect(batches).toEqual([ids(3), ids(6).slice(3)]);
    expect(scene.settled).toEqual(ids(6).map((id) => `ack ${id}`));
  });

  it('runs when its first message has waited long enough, and not before', async () => {
    await consume();
    await scene.publish('m-1', 'm-2');
    await scene.clock.advance(99);
    expect(batches).toEqual([]);
    await scene.clock.advance(1);
    expect(batches).toEqual([['m-1', 'm-2']]);
  });

  it('is no larger than its bytes, unless one message is', async () => {
    await consume({ batch: { bytes: 700 } });
    const pad = (length: number): { pad: string } => ({ pad: 'x'.repeat(length) });
    await scene.bus.publish('orders', pad(100), { id: 'm-1' });
    await scene.bus.publish('orders', pad(2_000), { id: 'm-2' });
    await scene.bus.publish('orders', pad(100), { id: 'm-3' });
    await scene.until(() => scene.settled.length === 3);
    expect(batches).toEqual([['m-1'], ['m-2'], ['m-3']]);
  });

  it('has one key where that is asked for', async () => {
    await consume({ batch: { by: 'key' }, concurrency: 3 });
    for (const [at, key] of ['a', 'b', 'a', 'b', 'a'].entries())
      await scene.bus.publish('orders', {}, { id: `m-${at + 1}`, key });
    await scene.until(() => scene.settled.length === 5);
    expect(batches).toEqual([
      ['m-1', 'm-3', 'm-5'],
      ['m-2', 'm-4'],
    ]);
  });

  it('fails only for the messages that its handler failed, each by its own verdict', async () => {
    await consume({
      run: (of) => {
        of.fail(1, new Reject('never'));
        of.fail(1, new TypeError('too late'));
        if (batches.length === 1) of.fail(2, new TypeError('later'));
      },
    });
    await scene.publish(...ids(3));
    await scene.until(() => scene.settled.length === 3);
    expect(scene.settled).toEqual(['ack m-1', 'dead m-2', 'retry m-3']);
    const [letter] = await scene.dead();
    expect(letter?.failures).toMatchObject([
      { reason: 'rejected', handler: 'Orders.onAll', error: { message: 'never' } },
    ]);
  });

  it('fails as a whole when its handler throws, at once or later', async () => {
    await consume({
      retry: { attempts: 2 },
      run: () => {
        if (batches.length === 1) throw new TypeError('at once');
        return Promise.reject(new TypeError('later'));
      },
    });
    await scene.publish(...ids(3));
    await scene.until(() => scene.settled.length === 6);
    expect(scene.settled.map((each) => each.split(' ')[0])).toEqual([
      ...Array(3).fill('retry'),
      ...Array(3).fill('dead'),
    ]);
    const failures = (await scene.dead()).flatMap((letter) =>
      letter.failures.map(({ error }) => error.message),
    );
    expect(new Set(failures)).toEqual(new Set(['at once', 'later']));
  });

  it('refuses to fail a message that it does not have', async () => {
    let refused: unknown;
    await consume({
      run: (of) => {
        try {
          of.fail(3, new TypeError('who'));
        } catch (error) {
          refused = error;
        }
      },
    });
    await scene.publish(...ids(3));
    await scene.until(() => scene.settled.length === 3);
    expect(refused).toMatchObject({ code: 'not_in_batch', message: 'there is no message 3 in a batch of 3' });
  });

  it('runs beside others, as many as there may be, also when that is changed', async () => {
    const gates: Gate[] = [];
    const consumer = await consume({
      concurrency: 2,
      run: () => {
        const gate = new Gate();
        gates.push(gate);
        return gate.passed;
      },
    });
    await scene.publish(...ids(12));
    await scene.clock.advance(1_000);
    expect(gates).toHaveLength(2);
    consumer.setConcurrency(3);
    await scene.clock.advance(1_000);
    expect(gates).toHaveLength(3);
    gates.forEach((gate) => gate.open());
    await scene.until(() => gates.length === 4);
    gates.forEach((gate) => gate.open());
    await scene.until(() => scene.settled.length === 12);
  });

  it('handles an intent once, also when it is in the batch twice', async () => {
    await consume({ policies: { idempotency: DEFAULT_IDEMPOTENCY } });
    for (const id of ids(3))
      await scene.bus.publish('orders', {}, { id, idempotencyKey: id === 'm-3' ? 'm-1' : id });
    await scene.until(() => scene.settled.filter((each) => each.startsWith('ack')).length === 3);
    expect(batches).toEqual([['m-1', 'm-2']]);
  });

  it('goes back uncounted, as far as it was gathered, when its consumer pauses or stops', async () => {
    const consumer = await consume();
    await scene.publish('m-1', 'm-2');
    await scene.clock.advance(10);
    consumer.pause();
    await scene.clock.advance(10);
    expect(await scene.depth()).toMatchObject({ ready: 2, inflight: 0 });
    consumer.resume();
    await scene.clock.advance(10);
    await scene.drain(consumer);
    expect(await scene.depth()).toMatchObject({ ready: 2, inflight: 0 });
    expect(batches).toEqual([]);
  });

  it('leaves out a message whose time was over before its turn came', async () => {
    const gate = new Gate();
    await consume({ run: () => gate.passed, policies: { timeoutMs: 200 }, batch: { by: 'key' } });
    await scene.bus.publish('orders', {}, { id: 'm-1', key: 'a' });
    await scene.bus.publish('orders', {}, { id: 'm-2', key: 'b' });
    await scene.clock.advance(350);
    expect(batches).toEqual([['m-1']]);
    gate.open();
    await scene.until(() => scene.settled.length === 2);
    expect(scene.settled).toEqual(['ack m-1', 'retry m-2']);
    await scene.until(() => batches.length === 2);
  });

  it('belongs to no message, so that what it publishes begins a conversation', async () => {
    const seen: unknown[] = [];
    await consume({
      run: async () => {
        seen.push(currentHandling());
        await Promise.resolve();
        seen.push(currentHandling());
      },
    });
    await scene.publish(...ids(3));
    await scene.until(() => scene.settled.length === 3);
    expect(seen).toEqual([undefined, undefined]);
  });

  it('has one signal for all its messages', async () => {
    const reasons: unknown[] = [];
    const consumer = await consume({
      run: ({ signal }) =>
        new Promise<void>((end) =>
          signal.addEventListener('abort', () => end(void reasons.push(signal.reason))),
        ),
    });
    await scene.publish(...ids(3));
    await scene.until(() => batches.length === 1);
    await scene.drain(consumer, 1_000);
    expect(reasons).toMatchObject([{ code: 'shutdown' }]);
  });
});
