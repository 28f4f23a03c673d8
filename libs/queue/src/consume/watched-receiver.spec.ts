import type { Receiver } from '../backend/backend.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import { ForwardingBackend, ForwardingReceiver } from '../backend/forwarding-backend.js';
import type { SubscriptionSpec } from '../backend/topology.js';
import type { Delivery } from '../message/delivery.js';
import { Scene, WORK } from './consumer.fixture.js';

type Mood = 'well' | 'silent' | 'empty' | 'failing';

/** Memory whose receivers can do badly: each as the script says, the last entry for all that follow. */
class WedgingBackend extends ForwardingBackend {
  readonly opened: WedgingReceiver[] = [];
  moods: Mood[] = ['well'];
  openFailures = 0;

  override async open(spec: SubscriptionSpec): Promise<Receiver> {
    if (this.opened.length > 0 && this.openFailures-- > 0)
      throw new BackendUnavailableError('main', 'open', 'no channel');
    const receiver: WedgingReceiver = new WedgingReceiver(await this.inner.open(spec), (): Mood =>
      this.#moodOf(receiver),
    );
    this.opened.push(receiver);
    return receiver;
  }

  #moodOf(receiver: WedgingReceiver): Mood {
    const at = Math.min(this.opened.indexOf(receiver), this.moods.length - 1);
    return this.moods[at] as Mood;
  }
}

class WedgingReceiver extends ForwardingReceiver {
  closed = 0;
  standsBy = false;
  #answer: ((batch: readonly Delivery[]) => void) | undefined;

  constructor(
    inner: Receiver,
    private readonly mood: () => Mood,
  ) {
    super(inner);
  }

  override get isStandingBy(): boolean {
    return this.standsBy;
  }

  override async receive(max: number, signal: AbortSignal): Promise<readonly Delivery[]> {
    const mood = this.mood();
    if (mood === 'failing') throw new BackendUnavailableError('main', 'receive', 'the channel is gone');
    if (mood === 'silent') return new Promise((resolve) => (this.#answer = resolve));
    if (mood === 'empty') {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return [];
    }
    return this.inner.receive(max, signal);
  }

  /** What the wedged receive brings after all. */
  async thaw(): Promise<void> {
    this.#answer?.(await this.inner.receive(1, new AbortController().signal));
  }

  override close(): Promise<void> {
    this.closed++;
    return this.inner.close();
  }
}

let scene: Scene;
let backend: WedgingBackend;
const WATCH_MS = 8_000;

beforeEach(async () => {
  scene = await Scene.open();
  backend = new WedgingBackend(scene.backend);
});

afterEach(() => scene.close());

const watched = { watchMs: WATCH_MS } as const;

describe('a consumer whose receiver is watched', () => {
  it('is left alone while it is the turn of another process', async () => {
    backend.moods = ['silent', 'well'];
    const consumer = await scene.consume({ ...watched, backend });
    const [receiver] = backend.opened as [WedgingReceiver];
    receiver.standsBy = true;
    await scene.publish('a');
    await scene.clock.advance(3 * WATCH_MS);
    expect(consumer.status()).toMatchObject({ rebuilds: 0, wedgedForMs: undefined });
    receiver.standsBy = false;
    await scene.until(() => scene.settled.length === 1, WATCH_MS);
    await scene.drain(consumer);
  });

  it.each(['silent', 'empty', 'failing'] as const)(
    'gets a new one within its time when the old one is %s although messages are ready',
    async (mood) => {
      backend.moods = [mood, 'well'];
      const consumer = await scene.consume({ ...watched, backend });
      await scene.publish('a');
      await scene.until(() => scene.settled.length === 1, WATCH_MS);
      expect(scene.settled).toEqual(['ack a']);
      expect(backend.opened.map(({ closed }) => closed)).toEqual([1, 0]);
      expect(scene.faults).toContain('receive messages');
      expect(consumer.status()).toMatchObject({ rebuilds: 1, wedgedForMs: undefined });
      await scene.drain(consumer);
      expect(backend.opened.map(({ closed }) => closed)).toEqual([1, 1]);
    },
  );

  it('keeps it while nothing is ready, however long that lasts, and while it is paused', async () => {
    backend.moods = ['silent'];
    const consumer = await scene.consume({ ...watched, backend });
    await scene.clock.advance(60 * WATCH_MS);
    consumer.pause();
    await scene.publish('a');
    await scene.clock.advance(60 * WATCH_MS);
    expect(consumer.status()).toMatchObject({ rebuilds: 0, wedgedForMs: undefined });
  });

  it('keeps it while all slots are taken', async () => {
    let free!: () => void;
    const held = new Promise<void>((resolve) => (free = resolve));
    const policies = { concurrency: 1, prefetch: 0 } as const;
    const consumer = await scene.consume({ ...watched, backend, policies, handle: () => held });
    await scene.publish('a', 'b');
    await scene.clock.advance(20 * WATCH_MS);
    expect(consumer.status()).toMatchObject({ running: 1, rebuilds: 0, wedgedForMs: undefined });
    free();
    await scene.until(() => scene.settled.length === 2);
  });

  it('keeps it while somebody else takes what is ready', async () => {
    backend.moods = ['silent'];
    const consumer = await scene.consume({ ...watched, backend });
    await scene.consume({});
    for (let round = 0; round < 200; round++) {
      await scene.publish(`${round}`);
      await scene.clock.advance(WATCH_MS / 7);
    }
    expect(scene.settled).toHaveLength(200);
    expect(consumer.status().rebuilds).toBe(0);
  });

  it('is told to be wedged as long as no receiver works, and tries less and less often', async () => {
    backend.moods = ['silent'];
    const consumer = await scene.consume({ ...watched, backend });
    await scene.publish('a');
    await scene.clock.advance(10 * WATCH_MS);
    const { rebuilds, wedgedForMs } = consumer.status();
    expect(rebuilds).toBeGreaterThanOrEqual(3);
    expect(rebuilds).toBeLessThanOrEqual(5);
    expect(wedgedForMs).toBeGreaterThan(9 * WATCH_MS);
    backend.moods = [...backend.opened.map(() => 'silent' as const), 'well'];
    await scene.until(() => scene.settled.length === 1, 12 * WATCH_MS);
    expect(consumer.status().wedgedForMs).toBeUndefined();
  });

  it('tries again until it can be opened, and says so once', async () => {
    backend.moods = ['silent', 'well'];
    backend.openFailures = 5;
    await scene.consume({ ...watched, backend });
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1, 4 * WATCH_MS);
    expect(scene.faults).toEqual(['receive messages', 'open its receiver anew']);
  });

  it('settles through the old one what that one handed out', async () => {
    let free!: () => void;
    const held = new Promise<void>((resolve) => (free = resolve));
    const settledBy: string[] = [];
    const consumer = await scene.consume({
      ...watched,
      backend,
      policies: { concurrency: 2, prefetch: 0 },
      handle: ({ id }) => (id === 'a' ? held : undefined),
    });
    await scene.publish('a');
    await scene.until(() => consumer.status().running === 1);
    backend.opened.forEach((receiver, at) => {
      const settle = receiver.settle.bind(receiver);
      receiver.settle = (acts) => {
        settledBy.push(...acts.map(({ kind, delivery }) => `${at} ${kind} ${delivery.id}`));
        return settle(acts);
      };
    });
    consumer.pause(); // ends the receive that is under way rightly
    backend.moods = ['silent', 'well'];
    await scene.clock.advance(1);
    consumer.resume();
    await scene.publish('b');
    await scene.until(() => scene.settled.includes('ack b'), 2 * WATCH_MS);
    free();
    await scene.until(() => scene.settled.includes('ack a'));
    expect(settledBy).toEqual(['0 ack a']);
  });

  it('gives back, uncounted, what the old one brings after all', async () => {
    backend.moods = ['silent', 'silent', 'well'];
    const attempts: number[] = [];
    await scene.consume({ ...watched, backend, handle: ({ attempt }) => void attempts.push(attempt) });
    await scene.publish('a');
    await scene.until(() => backend.opened.length === 2, 2 * WATCH_MS);
    // The inner receiver is closed by now; one more connection brings what its answer was to be.
    const [old] = backend.opened as [WedgingReceiver];
    const other = await scene.backend.open({ ...WORK, leaseMs: 30_000 });
    Object.assign(old, { inner: other });
    await old.thaw();
    await scene.until(() => attempts.length === 1, 6 * WATCH_MS);
    expect(attempts).toEqual([1]);
    await other.close();
  });

  it('does not wait for a receive that does not end when it is told to', async () => {
    backend.moods = ['silent', 'well'];
    const consumer = await scene.consume({ ...watched, backend });
    consumer.pause();
    consumer.resume();
    await scene.publish('a');
    await scene.until(() => scene.settled.length === 1, WATCH_MS);
    expect(consumer.status().rebuilds).toBe(1);
  });

  it('drains although its receiver is wedged', async () => {
    backend.moods = ['silent'];
    const consumer = await scene.consume({ ...watched, backend });
    await scene.publish('a');
    await scene.clock.advance(WATCH_MS / 2);
    expect(await scene.drain(consumer, 60_000)).toBeLessThanOrEqual(3_000);
    expect(consumer.status().state).toBe('stopped');
  });
});
