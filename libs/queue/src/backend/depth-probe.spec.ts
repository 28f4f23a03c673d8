import { memoryBackend } from '../backends/memory/index.js';
import { testAmbient } from '../testing/test-ambient.js';
import { turns, VirtualClock } from '../testing/virtual-clock.js';
import type { Backend, BackendStatus } from './backend.js';
import { BackendUnavailableError } from './backend.errors.js';
import { DepthProbe } from './depth-probe.js';
import { ForwardingBackend } from './forwarding-backend.js';
import type { InspectQuery, Inspected } from './inspect.js';

/** Memory that counts who asks, and can fall silent, fail or be down. */
class MoodyBackend extends ForwardingBackend {
  asked = 0;
  mostAtOnce = 0;
  #atOnce = 0;
  mood: 'well' | 'silent' | 'failing' | 'down' = 'well';

  override status(): BackendStatus {
    return this.mood === 'down' ? { ...this.inner.status(), state: 'down' } : this.inner.status();
  }

  override async *inspect(query: InspectQuery): AsyncIterable<Inspected> {
    this.asked++;
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await turns(1);
    if (this.mood === 'silent') await new Promise(() => undefined);
    this.#atOnce--;
    if (this.mood === 'failing') throw new BackendUnavailableError('b', 'inspect', 'it is busy');
    yield* this.inner.inspect(query);
  }
}

let clock: VirtualClock;
let memory: Backend;
let backend: MoodyBackend;
let probe: DepthProbe;

beforeEach(async () => {
  clock = new VirtualClock();
  memory = (await memoryBackend.open('b', {}, testAmbient(clock))).backend;
  await memory.ensure({ subscriptions: ['a', 'b', 'c'].map((name) => ({ name, topics: ['t'] })) }, 'create');
  backend = new MoodyBackend(memory);
  probe = new DepthProbe(backend, clock);
});

afterEach(() => {
  if (clock.pending > 0) throw new RangeError(`${clock.pending} timers are left`);
  return memory.close(new Date(0));
});

const read = async (subscription = 'a', ms = 0) => {
  const reading = probe.read(subscription);
  await clock.advance(ms);
  return reading;
};

describe('DepthProbe', () => {
  it('counts once in two seconds, whoever asks', async () => {
    const [first, second] = await Promise.all([read(), read(), read()]);
    expect(first).toMatchObject({ depth: { subscription: 'a', ready: 0 }, countedAt: clock.now() });
    expect(second).toBe(first);
    await clock.advance(1_999);
    expect(await read()).toBe(first);
    expect(backend.asked).toBe(1);
    await clock.advance(1);
    expect(await read()).toMatchObject({ countedAt: clock.now() });
    expect(backend.asked).toBe(2);
  });

  it('asks one question at a time', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((name) => probe.read(name)));
    expect(all.map((counted) => counted?.depth.subscription)).toEqual(['a', 'b', 'c']);
    expect([backend.asked, backend.mostAtOnce]).toEqual([3, 1]);
  });

  it('answers at once from memory while the broker is down, and does not ask', async () => {
    const known = await read();
    backend.mood = 'down';
    await clock.advance(60_000);
    expect(await read()).toBe(known);
    expect(await read('b')).toBeUndefined();
    expect(backend.asked).toBe(1);
  });

  it('answers within two seconds from memory when the broker is silent or fails', async () => {
    const known = await read();
    await clock.advance(10_000);
    backend.mood = 'failing';
    expect(await read()).toBe(known);
    backend.mood = 'silent';
    expect(await read('a', 2_000)).toBe(known);
    expect(await read('b', 2_000)).toBeUndefined();
    await clock.advance(30_000); // both questions are given up
  });

  it('asks anew when a question was never answered', async () => {
    backend.mood = 'silent';
    expect(await read('a', 2_000)).toBeUndefined();
    backend.mood = 'well';
    expect(await read('b', 2_000)).toBeUndefined(); // behind the one without an answer
    await clock.advance(15_000);
    expect(await read()).toMatchObject({ depth: { subscription: 'a' } });
    expect(await read('b')).toMatchObject({ depth: { subscription: 'b' } });
  });

  it('leaves nobody waiting when it is closed', async () => {
    backend.mood = 'silent';
    const reading = [probe.read('a'), probe.read('b')];
    await turns();
    probe.close();
    expect(await Promise.all(reading)).toEqual([undefined, undefined]);
    backend.mood = 'well';
    expect(await probe.read('c')).toBeUndefined();
  });
});
