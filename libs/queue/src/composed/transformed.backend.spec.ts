import { memoryBackend } from '../backends/memory/index.js';
import { BackendUnavailableError } from '../backend/backend.errors.js';
import type { Peeked } from '../backend/inspect.js';
import { changedDelivery, type Delivery } from '../message/delivery.js';
import { NO_HEADERS } from '../message/headers.js';
import type { Outgoing } from '../message/outgoing.js';
import { sleep } from '../ambient/clock.js';
import { testAmbient } from '../testing/test-ambient.js';
import { VirtualClock } from '../testing/virtual-clock.js';
import { BrokenMessageError, type MessageTransform, TransformedBackend } from './transformed.backend.js';

class Broken extends BrokenMessageError {
  readonly code = 'broken';
  readonly reason = 'bad_signature';
}

const plain = {
  to: undefined,
  key: undefined,
  headers: NO_HEADERS,
  delayMs: undefined,
  ttlMs: undefined,
  event: undefined,
};
const message = (id: string): Outgoing => ({ ...plain, topic: 'orders', id, body: id });

async function openWith(transform: Partial<MessageTransform>) {
  const clock = new VirtualClock();
  const reports: string[] = [];
  const { backend: inner } = await memoryBackend.open('main', {}, testAmbient(clock));
  const all = { name: 'the test', out: same<Outgoing>, in: same<Delivery>, ...transform };
  const backend = new TransformedBackend(inner, all, {
    clock,
    host: 'here:1',
    report: (said) => void reports.push(said),
  });
  await backend.ensure({ subscriptions: [{ name: 'work', topics: ['orders'] }] }, 'create');
  const receiver = await backend.open({ name: 'work', topics: ['orders'], leaseMs: 1_000 });
  const take = () => receiver.receive(10, new AbortController().signal);
  const lying = async (state: 'dead' | 'delayed') => {
    const found: Peeked[] = [];
    for await (const item of inner.inspect({ kind: 'browse', subscription: 'work', state, limit: 9 }))
      found.push(item as Peeked);
    return found;
  };
  return { clock, inner, backend, receiver, reports, take, lying };
}

function same<T>(value: T): T {
  return value;
}

describe('a backend whose messages are transformed', () => {
  it('changes them out and back, and settles what the broker knows', async () => {
    const seen: string[] = [];
    const { backend, receiver, take, inner } = await openWith({
      out: (each) => ({ ...each, body: `<${each.body as string}>` }),
      in: (each) => changedDelivery(each, { body: (each.body as string).slice(1, -1) }),
      stored: ({ id }, copies) => void seen.push(`${id} stored ${copies}`),
      acknowledged: ({ body }) => void seen.push(`${body as string} acknowledged`),
    });
    await backend.publish([message('a')]);
    const [delivery] = (await take()) as [Delivery];
    expect(delivery).toMatchObject({ id: 'a', topic: 'orders', subscription: 'work', attempt: 1, body: 'a' });
    expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['ok']);
    expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual(['noop']);
    expect(seen).toEqual(['a stored 1', '<a> acknowledged']);
    expect(inner.publishNow).toBeDefined();
    expect('publishNow' in backend).toBe(false);
  });

  it('calls the backend before it returns where nothing waits, as a transaction needs', async () => {
    const { backend, inner } = await openWith({ out: (each) => ({ ...each, body: 'changed' }) });
    const called: unknown[] = [];
    inner.publish = async (batch, call) => {
      called.push(batch[0]?.body, call?.tx);
      return [{ status: 'stored', copies: 1 }];
    };
    const publishing = backend.publish([message('a')], { tx: 'mine' });
    expect(called).toEqual(['changed', 'mine']);
    await publishing;
  });

  it('refuses what cannot go out, and only that', async () => {
    const { backend, take } = await openWith({
      out: (each) => {
        if (each.id === 'bad') throw new Broken('no');
        return each;
      },
    });
    const results = await backend.publish([message('a'), message('bad'), message('b')]);
    expect(results.map(({ status }) => status)).toEqual(['stored', 'refused', 'stored']);
    expect((await take()).map(({ id }) => id)).toEqual(['a', 'b']);
    expect((await backend.publish([message('bad')])).map(({ status }) => status)).toEqual(['refused']);
  });

  it('buries what is broken as it came, tells of it, and hands out the rest', async () => {
    const { backend, take, lying, reports } = await openWith({
      in: (each) => {
        if (each.id === 'bad') throw new Broken('it is broken');
        return each;
      },
    });
    await backend.publish([message('bad'), message('a')]);
    expect((await take()).map(({ id }) => id)).toEqual(['a']);
    expect(await lying('dead')).toMatchObject([
      {
        id: 'bad',
        body: 'bad',
        failures: [{ reason: 'bad_signature', handler: 'the test', host: 'here:1', attempt: 1 }],
      },
    ]);
    expect(reports).toEqual(['message bad of "work" did not pass the test: it is broken']);
  });

  it('gives back, uncounted and for later, what cannot be had right now', async () => {
    const { backend, take, lying, clock } = await openWith({
      in: () => Promise.reject(new BackendUnavailableError('blobs', 'read', 'it is down')),
    });
    await backend.publish([message('a')]);
    expect(await take()).toEqual([]);
    expect(await lying('delayed')).toMatchObject([{ id: 'a', attempts: 0 }]);
    await clock.advance(1_000);
    expect(await lying('delayed')).toEqual([]);
  });

  it('leaves to the lease what cannot be buried', async () => {
    const { backend, receiver, take, reports, clock } = await openWith({
      in: () => {
        throw new Broken('it is broken');
      },
    });
    await backend.publish([message('a')]);
    Object.assign((receiver as unknown as { inner: object }).inner, {
      settle: () => Promise.reject(new BackendUnavailableError('main', 'settle', 'it is down')),
    });
    expect(await take()).toEqual([]);
    expect(reports.at(-1)).toMatch(/could not be put away: .* it is down/);
    await clock.advance(1_000);
    expect(await take()).toEqual([]);
    expect(reports).toHaveLength(4);
  });

  it('takes the time it needed off the lease', async () => {
    const world = await openWith({
      in: async (each) => {
        await sleep(world.clock, 300);
        return each;
      },
    });
    await world.backend.publish([message('a')]);
    const taking = world.take();
    await world.clock.advance(300);
    const [delivery] = (await taking) as [Delivery];
    expect(delivery.leaseMs).toBe(700);
    expect(await world.receiver.settle([{ kind: 'ack', delivery }])).toEqual(['ok']);
  });
});
