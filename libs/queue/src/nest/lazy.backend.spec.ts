import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { Backend, OpenedBackend } from '../backend/backend.js';
import { memoryBackend } from '../backends/memory/index.js';
import { Bus } from '../publish/bus.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { LazyBackend } from './lazy.backend.js';

const clock = new VirtualClock();
const ambient = testAmbient(clock);
const DEADLINE = new Date(0);

function lazy(failures = 0): { backend: LazyBackend; opened: Backend[] } {
  const opened: Backend[] = [];
  let left = failures;
  const open = async (): Promise<OpenedBackend> => {
    if (left-- > 0) throw new BackendUnavailableError('b', 'open', 'nobody is there');
    const made = await memoryBackend.open('b', {}, ambient);
    opened.push(made.backend);
    return made;
  };
  return { backend: new LazyBackend('b', open, clock), opened };
}

describe('a backend that is not open yet', () => {
  it('opens once, with the first use', async () => {
    const { backend, opened } = lazy();
    expect(backend.status()).toMatchObject({ state: 'down', since: clock.now() });
    expect(opened).toHaveLength(0);
    const bus = new Bus({ backend, source: 'urn:test', ambient });
    await backend.ensure({ subscriptions: [{ name: 's', topics: ['t'] }] }, 'create');
    await Promise.all([bus.publish('t', 1), bus.publish('t', 2), bus.depth('s'), backend.connect()]);
    expect(opened).toHaveLength(1);
    expect(backend.capabilities).toBe(opened[0]?.capabilities);
    expect(backend.status()).toMatchObject({ state: 'up' });
    expect(await bus.depth('s')).toMatchObject([{ ready: 2 }]);
    await bus.close();
    await backend.close(DEADLINE);
  });

  it('takes one message at a time, in order, until it is known how many it can take', async () => {
    const made = await memoryBackend.open('b', {}, ambient);
    await made.backend.ensure({ subscriptions: [{ name: 's', topics: ['t'] }] }, 'create');
    const sizes: number[] = [];
    const publish = made.backend.publish.bind(made.backend);
    made.backend.publish = (batch) => (sizes.push(batch.length), publish(batch));
    const backend = new LazyBackend('b', () => Promise.resolve(made), clock);
    const bus = new Bus({ backend, source: 'urn:test', ambient });
    await Promise.all(['1', '2', '3'].map((id) => bus.publish('t', null, { id })));
    expect(sizes[0]).toBe(1);
    const receiver = await backend.open({ name: 's', topics: ['t'], leaseMs: 1_000 });
    const deliveries = await receiver.receive(10, new AbortController().signal);
    expect(deliveries.map(({ id }) => id)).toEqual(['1', '2', '3']);
    await bus.close();
    await backend.close(DEADLINE);
  });

  it('tries again after it could not be opened', async () => {
    const { backend, opened } = lazy(1);
    const bus = new Bus({ backend, source: 'urn:test', ambient });
    await expect(bus.publish('t', null)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.publish('t', null)).rejects.toMatchObject({ code: 'unroutable' });
    expect(opened).toHaveLength(1);
    await bus.close();
    await backend.close(DEADLINE);
  });

  it('says why it could not be opened, without the password in an URL', async () => {
    const failing = (): Promise<OpenedBackend> =>
      Promise.reject(new RangeError('no route to amqp://user:canary-secret@broker:5672'));
    const backend = new LazyBackend('b', failing, clock);
    await expect(backend.connect()).rejects.toThrow('no route');
    expect(backend.status()).toMatchObject({
      state: 'down',
      lastError: 'no route to amqp://***@broker:5672',
    });
  });

  it('is not opened by being closed, nor after it', async () => {
    const { backend, opened } = lazy();
    await backend.close(DEADLINE);
    await backend.close(DEADLINE);
    await expect(backend.connect()).rejects.toMatchObject({ code: 'closed' });
    expect(opened).toHaveLength(0);
  });
});
