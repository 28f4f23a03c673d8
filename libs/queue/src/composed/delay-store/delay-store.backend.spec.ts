import type { Backend, OpenedBackend, PublishResult } from '../../backend/backend.js';
import { BackendUnavailableError, UnsupportedError } from '../../backend/backend.errors.js';
import type { Capabilities } from '../../backend/capabilities.js';
import type { Inspected, MessageState, Peeked } from '../../backend/inspect.js';
import { memoryBackend } from '../../backends/memory/index.js';
import { checkHeaders, NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { AlteredBackend, type Alterations } from '../../testing/altered-backend.js';
import type { BackendFixture } from '../../testing/fixture.js';
import { virtualTime } from '../../testing/law-time.js';
import { ALL_LAWS } from '../../testing/all-laws.js';
import { runLaw } from '../../testing/run-laws.js';
import { ProcessView } from '../../testing/process-view.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { DelayStoreBackend } from './delay-store.backend.js';

const NATIVE_MS = 60;

/** A broker that delays for hardly any time, and refuses more. */
class ShortDelays extends AlteredBackend {
  constructor(
    inner: Backend,
    alterations: Alterations = {},
    private readonly maxBytes = inner.capabilities.maxBytes,
  ) {
    super(inner, {
      publish: async (batch, rightly) => {
        const beyond = batch.find(({ delayMs = 0 }) => delayMs > NATIVE_MS);
        if (beyond === undefined) return (await alterations.publish?.(batch, rightly)) ?? rightly(batch);
        return batch.map(() => ({
          status: 'refused',
          error: new UnsupportedError('short', 'delay', 'do not'),
        }));
      },
    });
  }

  override get capabilities(): Capabilities {
    const short = { kind: 'exact', maxMs: NATIVE_MS, resolutionMs: 1 } as const;
    return { ...super.capabilities, maxBytes: this.maxBytes, delay: { publish: short, retry: short } };
  }
}

class Post {
  readonly clock = new VirtualClock();
  readonly ambient = testAmbient(this.clock);
  later!: Backend;
  short!: Backend;
  backend!: DelayStoreBackend;

  static async open(given: { short?: Alterations; later?: Alterations } = {}): Promise<Post> {
    const post = new Post();
    const memory = async (name: string) => (await memoryBackend.open(name, {}, post.ambient)).backend;
    post.later = new AlteredBackend(await memory('later'), given.later ?? {});
    post.short = new ShortDelays(await memory('short'), given.short, 1_000);
    post.backend = post.connect();
    const subscriptions = ['work', 'audit'].map((name) => ({ name, topics: ['orders'] }));
    await post.short.ensure({ subscriptions }, 'create');
    return post;
  }

  /** As one more process would. */
  connect(): DelayStoreBackend {
    return new DelayStoreBackend(this.short, { later: this.later, ambient: this.ambient, host: 'h:1' });
  }

  async lying(
    state: MessageState = 'ready',
    subscription = 'work',
    backend = this.short,
  ): Promise<readonly Peeked[]> {
    const found: Inspected[] = [];
    for await (const item of backend.inspect({ kind: 'browse', subscription, state, limit: 100 }))
      found.push(item);
    return found as Peeked[];
  }

  async ids(subscription = 'work'): Promise<readonly string[]> {
    return (await this.lying('ready', subscription)).map(({ id }) => id);
  }
}

const order = (id: string, given: Partial<Outgoing> = {}): Outgoing => ({
  topic: 'orders',
  to: undefined,
  id,
  key: undefined,
  body: id,
  headers: NO_HEADERS,
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
  ...given,
});

const statuses = (results: readonly PublishResult[]) =>
  results.map((result) => (result.status === 'stored' ? result.copies : result.error.code));

/** What laws ask of a backend alone: these look for what waits in the place where it would wait without a delay store. */
const OF_ONE_PLACE: Readonly<Record<string, string>> = {
  A10b: 'what waits elsewhere takes no room',
  C5: 'what waits elsewhere is counted there',
  C7b: 'a delay store behind a delay store of the same name',
  C7c: 'a delay store behind a delay store of the same name',
  C9: 'a delay store behind a delay store of the same name',
  C9a: 'a delay store behind a delay store of the same name',
  C9b: 'a delay store behind a delay store of the same name',
  C11: 'how many copies there would be is not known while it waits',
  E5c: 'it takes its place in the order when it is due',
  F2a: 'a new subscription is there a moment before `ensure` answers',
  F2c: 'it is retained when it is due',
  L2: 'what waits elsewhere is purged there',
};

describe('a delay store', () => {
  it.each(ALL_LAWS.filter(({ id }) => OF_ONE_PLACE[id] === undefined))(
    'breaks no law $id: $title',
    async (law) => {
      expect(await runLaw(law, composedFixture())).toMatchObject({ error: undefined });
    },
  );

  it('keeps what the backend cannot delay, and leaves the rest to it', async () => {
    const post = await Post.open();
    const batch = [order('now'), order('late', { delayMs: 10_000 }), order('soon', { delayMs: NATIVE_MS })];
    expect(statuses(await post.backend.publish(batch))).toEqual([2, 0, 2]);
    expect(await post.lying('delayed', 'delayed.short', post.later)).toMatchObject([{ id: 'late' }]);
    await post.clock.advance(9_999);
    expect(await post.ids()).toEqual(['now', 'soon']);
    await post.clock.advance(100);
    expect([await post.ids(), await post.ids('audit')]).toEqual([
      ['now', 'soon', 'late'],
      ['now', 'soon', 'late'],
    ]);
    expect(post.backend.report).toMatchObject({ moved: 1 });
    await post.backend.close(new Date(post.clock.now() + 1_000));
    expect(post.clock.pending).toBe(0);
  });

  it('publishes it as it was meant to be, when it is due', async () => {
    const post = await Post.open();
    const headers = checkHeaders({ tenant: 'acme' });
    const given = { key: 'k', headers, priority: 7, to: 'audit', ttlMs: 20_000, delayMs: 10_000 };
    await post.backend.publish([order('a', given)]);
    await post.clock.advance(10_100);
    const [audited] = await post.lying('ready', 'audit');
    expect(audited).toMatchObject({ id: 'a', topic: 'orders', key: 'k', body: 'a', priority: 7 });
    expect({ ...audited?.headers }).toEqual({ tenant: 'acme' });
    expect(await post.ids()).toEqual([]);
    await post.clock.advance(10_000);
    expect(await post.ids('audit')).toEqual([]); // its time to live is over
  });

  it('drops what expires before it is due', async () => {
    const post = await Post.open();
    await post.backend.publish([order('a', { delayMs: 10_000, ttlMs: 5_000 })]);
    await post.clock.advance(20_000);
    expect(post.backend.report).toMatchObject({ moved: 0, dropped: 1 });
  });

  it('refuses at once what the backend would refuse later', async () => {
    const post = await Post.open();
    const large = order('a', { delayMs: 10_000, body: 'x'.repeat(1_001) });
    expect(statuses(await post.backend.publish([large, order('b', { delayMs: 10_000 })]))).toEqual([
      'payload_too_large',
      0,
    ]);
    const call = { tx: {} };
    expect(statuses(await post.backend.publish([order('c', { delayMs: 10_000 })], call))).toEqual([
      'unsupported',
    ]);
  });

  it('says what the other backend says when that cannot keep it', async () => {
    const error = new BackendUnavailableError('later', 'publish', 'it is down');
    const post = await Post.open({
      later: { publish: async (batch) => batch.map(() => ({ status: 'refused', error })) },
    });
    expect(statuses(await post.backend.publish([order('a', { delayMs: 10_000 }), order('b')]))).toEqual([
      'unavailable',
      2,
    ]);
  });

  it('begins again after the other backend could not be reached at the start', async () => {
    const post = await Post.open();
    let isDown = true;
    const ensure = post.later.ensure.bind(post.later);
    post.later.ensure = (...given) =>
      isDown
        ? Promise.reject(new BackendUnavailableError('later', 'ensure', 'it is down'))
        : ensure(...given);
    const backend = post.connect();
    expect(statuses(await backend.publish([order('a', { delayMs: 10_000 })]))).toEqual(['unavailable']);
    isDown = false;
    expect(statuses(await backend.publish([order('a', { delayMs: 10_000 })]))).toEqual([0]);
  });

  it('loses nothing when the process dies between the publish and the note of it: the next one repeats it', async () => {
    let process: ProcessView | undefined;
    const post = await Post.open({
      short: {
        publish: async (batch, rightly) => {
          const results = await rightly(batch);
          process?.kill();
          return results;
        },
      },
    });
    process = new ProcessView(post.later);
    const dying = new DelayStoreBackend(post.short, { later: process, ambient: post.ambient, host: 'h:1' });
    await dying.publish([order('a', { delayMs: 10_000 })]);
    await post.clock.advance(10_100);
    expect(await post.ids()).toEqual(['a']);
    process = undefined;
    await post.connect().open({ name: 'work', topics: ['orders'], leaseMs: 1_000 });
    await post.clock.advance(30_000);
    expect(await post.ids()).toEqual(['a', 'a']);
    for (const state of ['ready', 'delayed', 'inflight'] as const) {
      expect(await post.lying(state, 'delayed.short', post.later)).toEqual([]);
    }
  });

  it('keeps what nobody listens to any more as a dead letter of the other backend', async () => {
    const post = await Post.open();
    await post.backend.publish([order('a', { delayMs: 10_000, topic: 'nobody' })]);
    await post.clock.advance(10_100);
    expect(await post.lying('dead', 'delayed.short', post.later)).toMatchObject([{ id: 'a' }]);
  });
});

/** Memory that delays for hardly any time, with another one to make up for it. */
function composedFixture(): BackendFixture {
  return {
    name: 'memory with a delay store',
    create: async () => {
      const clock = new VirtualClock();
      const ambient = testAmbient(clock);
      const open = async () => {
        const later = (await memoryBackend.open('later', {}, ambient)).backend;
        const { backend, store } = await memoryBackend.open('short', {}, ambient);
        const short = new ShortDelays(backend);
        return { backend: new DelayStoreBackend(short, { later, ambient, host: 'h:1' }), store };
      };
      let opened = await open();
      return {
        time: { ...virtualTime(clock), latestMs: 20 },
        ambient,
        connect: async () => {
          if (opened.backend.status().state === 'down') opened = await open();
          return opened as OpenedBackend;
        },
        dispose: async () => undefined,
      };
    },
  };
}
