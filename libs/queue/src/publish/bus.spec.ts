import { BackendClosedError, UnroutableError, UnsupportedError } from '../backend/backend.errors.js';
import type { Backend, PublishCall, PublishResult, Receiver } from '../backend/backend.js';
import type { Capabilities } from '../backend/capabilities.js';
import { memoryBackend } from '../backends/memory/index.js';
import type { Delivery } from '../message/delivery.js';
import type { FailureRecord } from '../message/failure-record.js';
import { NO_HEADERS, withHeaders } from '../message/headers.js';
import { SerializeError } from '../message/json.js';
import { InvalidNameError } from '../message/names.js';
import type { Outgoing } from '../message/outgoing.js';
import { AlteredBackend } from '../testing/altered-backend.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { Bus } from './bus.js';
import { NoSuchDeadLetterError } from './dead-letters/dead-letters.errors.js';
import { REPLAY_COUNT_HEADER } from '../message/headers.js';

const FAILURE: FailureRecord = {
  attempt: 1,
  at: 0,
  reason: 'handler_error',
  error: { name: 'Error', message: 'no' },
  handler: 'Orders.onOrder',
  host: 'here:1',
};
const never = new AbortController().signal;

/** A backend that other processes may share. */
class SharedBackend extends AlteredBackend {
  override get capabilities(): Capabilities {
    return { ...super.capabilities, hosts: 'host' };
  }
}

class Post {
  readonly ambient = testAmbient(new VirtualClock());
  backend!: Backend;
  bus!: Bus;
  receiver!: Receiver;

  static async open(wrap: (backend: Backend) => Backend = (backend) => backend): Promise<Post> {
    const post = new Post();
    const { backend } = await memoryBackend.open('main', {}, post.ambient);
    await backend.ensure(
      {
        subscriptions: [
          { name: 'work', topics: ['orders'] },
          { name: 'audit', topics: ['orders'] },
        ],
      },
      'create',
    );
    post.backend = wrap(backend);
    post.bus = new Bus({ backend: post.backend, source: 'urn:test', ambient: post.ambient });
    post.receiver = await post.backend.open({ name: 'work', topics: ['orders'], leaseMs: 60_000 });
    return post;
  }

  async take(count: number): Promise<readonly Delivery[]> {
    const taken: Delivery[] = [];
    while (taken.length < count) taken.push(...(await this.receiver.receive(count - taken.length, never)));
    return taken;
  }

  async bury(count: number): Promise<void> {
    const acts = (await this.take(count)).map(
      (delivery) => ({ kind: 'dead', delivery, failure: FAILURE }) as const,
    );
    await this.receiver.settle(acts);
  }

  async count(subscription: string): Promise<number> {
    const [depth] = await this.bus.depth(subscription);
    return depth?.ready ?? -1;
  }
}

describe('a publish in a transaction', () => {
  it('goes past the batch at once, and is refused where the backend cannot join one', async () => {
    const given: unknown[] = [];
    class Enlisting extends AlteredBackend {
      override publish(batch: readonly Outgoing[], call?: PublishCall): Promise<readonly PublishResult[]> {
        given.push(call?.tx);
        return super.publish(batch, call);
      }
    }
    const { bus } = await Post.open((backend) => new Enlisting(backend, {}));
    const tx = {};
    const publishing = [bus.publish('orders', 1, { tx }), bus.publishRaw('orders', 'raw', { tx })];
    expect(given).toEqual([tx, tx]);
    for (const each of publishing) await expect(each).rejects.toThrow(UnsupportedError);
  });

  it('cannot wait until it is handled, and is over when the bus is closed', async () => {
    const { bus } = await Post.open();
    const waiting = bus.publish('orders', 1, { tx: {}, wait: 'handled' });
    await expect(waiting).rejects.toThrow('nobody can wait for inside the transaction');
    await bus.close();
    await expect(bus.publish('orders', 1, { tx: {} })).rejects.toThrow(BackendClosedError);
  });
});

describe('a bus', () => {
  it.each([
    ['at once', (backend: Backend) => backend],
    ['in batches', (backend: Backend) => new AlteredBackend(backend, {})],
  ])('hands messages to a backend that takes them %s', async (_how, wrap) => {
    const post = await Post.open(wrap);
    expect(await post.bus.publish('orders', { total: 5 }, { id: 'a' })).toEqual({ id: 'a', copies: 2 });
    expect(await post.bus.publishRaw('orders', 'raw', { id: 'b' })).toEqual({ id: 'b', copies: 2 });
    await expect(post.bus.publish('nowhere', 1)).rejects.toThrow(UnroutableError);
    const [a, b] = await post.take(2);
    expect([a?.id, b?.id, b?.body]).toEqual(['a', 'b', 'raw']);
    await post.bus.close();
    await expect(post.bus.publish('orders', 1)).rejects.toThrow(BackendClosedError);
    await expect(post.bus.publishRaw('orders', 'x')).rejects.toThrow(BackendClosedError);
  });

  it('rejects instead of throwing, and sends nothing, when the message is wrong', async () => {
    const sent: string[] = [];
    const post = await Post.open(
      (backend) =>
        new AlteredBackend(backend, {
          publish: (batch, rightly) => {
            sent.push(...batch.map(({ id }) => id));
            return rightly(batch);
          },
        }),
    );
    const results = await Promise.allSettled([
      post.bus.publish('orders', { a: 1n }),
      post.bus.publish('a/b', 1),
      post.bus.publish('orders', 'fine', { id: 'fine' }),
      post.bus.publishRaw('orders', 7 as never),
    ]);
    const reasons = results.map((result) =>
      result.status === 'rejected' ? (result.reason as Error).name : 'sent',
    );
    expect(reasons).toEqual([SerializeError.name, InvalidNameError.name, 'sent', SerializeError.name]);
    expect(sent).toEqual(['fine']);
  });

  it('refuses to wait for handlers that may be in other processes', async () => {
    const post = await Post.open((backend) => new SharedBackend(backend, {}));
    await expect(post.bus.publish('orders', 1, { wait: 'handled' })).rejects.toThrow(UnsupportedError);
  });

  it('tells those who wait for handlers when it closes', async () => {
    const post = await Post.open();
    const waiting = Promise.allSettled([post.bus.publish('orders', 1, { wait: 'handled' })]);
    await post.bus.close();
    expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'closed' } }]);
  });

  it('shows what lies where, by subscription', async () => {
    const post = await Post.open();
    await post.bus.publish('orders', 1);
    expect((await post.bus.depth()).map(({ subscription, ready }) => [subscription, ready])).toEqual([
      ['work', 1],
      ['audit', 1],
    ]);
    expect(await post.bus.depth('audit')).toHaveLength(1);
    expect(post.bus.name).toBe('main');
    expect(post.bus.status().state).toBe('up');
  });
});

describe('dead letters', () => {
  it('go back to their own subscription with their bytes, and a count of how often', async () => {
    const post = await Post.open();
    const bytes = new Uint8Array([0xff, 0, 1]);
    await post.bus.publishRaw('orders', bytes, { id: 'a', key: 'k', headers: { tenant: 'acme' } });
    for (let replay = 1; replay <= 3; replay++) {
      await post.bury(1);
      expect(await post.bus.deadLetters('work').replay('a')).toBe(1);
      expect(await post.bus.deadLetters('work').browse()).toEqual([]);
      expect(await post.count('audit')).toBe(1);
      const [again] = await post.take(1);
      expect(again).toMatchObject({ id: 'a', key: 'k', body: bytes, attempt: 1, failures: [] });
      expect({ ...again?.headers }).toEqual({ tenant: 'acme', [REPLAY_COUNT_HEADER]: String(replay) });
      await post.receiver.settle([{ kind: 'release', delivery: again as Delivery }]);
    }
  });

  it.each(['-5', 'lots', '1e9', '99999999999', 'NaN'])(
    'do not believe a forged count: %s',
    async (forged) => {
      const post = await Post.open();
      const headers = withHeaders(NO_HEADERS, { [REPLAY_COUNT_HEADER]: forged });
      const message: Outgoing = {
        topic: 'orders',
        to: undefined,
        id: 'a',
        key: undefined,
        body: 'x',
        headers,
        delayMs: undefined,
        ttlMs: undefined,
        event: undefined,
      };
      await post.backend.publish([message]);
      await post.bury(1);
      await post.bus.deadLetters('work').replay('a');
      const [again] = await post.take(1);
      expect(again?.headers[REPLAY_COUNT_HEADER]).toBe('1');
    },
  );

  it('are never lost when the copy cannot be stored, or the process dies before the old one is gone', async () => {
    let copied = 0;
    let mode: 'refuse' | 'die' | 'work' = 'refuse';
    const post = await Post.open(
      (backend) =>
        new AlteredBackend(backend, {
          publish: async (batch, rightly) => {
            if (batch[0]?.to === undefined || mode === 'work') return rightly(batch);
            if (mode === 'refuse')
              return [{ status: 'refused', error: new BackendClosedError('main', 'publish') }];
            await rightly(batch);
            copied++;
            throw new BackendClosedError('main', 'answer');
          },
        }),
    );
    await post.bus.publish('orders', 1, { id: 'a' });
    await post.bury(1);
    const letters = post.bus.deadLetters('work');
    await expect(letters.replay('a')).rejects.toThrow(BackendClosedError);
    expect(await post.count('work')).toBe(0);
    mode = 'die';
    await expect(letters.replay('a')).rejects.toThrow(BackendClosedError);
    expect([copied, await post.count('work'), (await letters.browse()).length]).toEqual([1, 1, 1]);
    mode = 'work';
    expect(await letters.replay('a')).toBe(1);
    expect([await post.count('work'), (await letters.browse()).length]).toEqual([2, 0]);
  });

  it('are all replayed, however many there are of one message', async () => {
    const post = await Post.open();
    for (let copy = 0; copy < 150; copy++) await post.bus.publish('orders', copy, { id: 'a' });
    await post.bury(150);
    expect(await post.bus.deadLetters('work').replay('a')).toBe(150);
    expect(await post.count('work')).toBe(150);
  });

  it('are browsed page by page, or by message', async () => {
    const post = await Post.open();
    for (const id of ['a', 'b', 'c', 'b']) await post.bus.publish('orders', id, { id });
    await post.bury(4);
    const letters = post.bus.deadLetters('work');
    const first = await letters.browse({ limit: 3 });
    const rest = await letters.browse({ limit: 3, after: first[2]?.ref as string });
    expect([...first, ...rest].map(({ id }) => id)).toEqual(['a', 'b', 'c', 'b']);
    expect(await letters.browse({ id: 'b' })).toHaveLength(2);
  });

  it('are purged one by one, or all', async () => {
    const post = await Post.open();
    for (const id of ['a', 'b', 'c']) await post.bus.publish('orders', id, { id });
    await post.bury(3);
    const letters = post.bus.deadLetters('work');
    const [a] = await letters.browse();
    expect(await letters.purge(a?.ref)).toBe(1);
    expect(await letters.purge(a?.ref)).toBe(0);
    expect(await letters.purge()).toBe(2);
    await expect(letters.replay('a')).rejects.toThrow(NoSuchDeadLetterError);
  });

  it('are those of a subscription with a name', async () => {
    const post = await Post.open();
    expect(() => post.bus.deadLetters('a/b')).toThrow(InvalidNameError);
  });
});
