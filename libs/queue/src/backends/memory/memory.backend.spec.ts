import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { Ambient } from '../../ambient/ambient.js';
import type { Backend, Receiver, SettleResult } from '../../backend/backend.js';
import type { Depth, Inspected, InspectQuery } from '../../backend/inspect.js';
import type { Delivery } from '../../message/delivery.js';
import type { FailureRecord } from '../../message/failure-record.js';
import { MAX_FAILURE_HISTORY } from '../../message/failure-record.js';
import { NO_HEADERS } from '../../message/headers.js';
import type { Outgoing } from '../../message/outgoing.js';
import { testAmbient } from '../../testing/test-ambient.js';
import { VirtualClock } from '../../testing/virtual-clock.js';
import { memoryBackend } from './index.js';
import { crash } from './memory.faults.js';
import type { MemoryOptions } from './memory.options.js';

const LEASE_MS = 1_000;
const never = new AbortController().signal;

class Bench {
  readonly clock = new VirtualClock();
  readonly ambient: Ambient = testAmbient(this.clock, 7);
  backend!: Backend;

  static async open(options: MemoryOptions = {}): Promise<Bench> {
    const bench = new Bench();
    ({ backend: bench.backend } = await memoryBackend.open('m', options, bench.ambient));
    await bench.backend.ensure({ subscriptions: [{ name: 's', topics: ['t'] }] }, 'create');
    return bench;
  }

  receiver(name = 's', leaseMs = LEASE_MS): Promise<Receiver> {
    return this.backend.open({ name, topics: ['t'], leaseMs });
  }

  async send(...ids: string[]): Promise<void> {
    await this.backend.publish(ids.map((id) => message({ id })));
  }

  async inspect<T extends Inspected>(query: InspectQuery): Promise<T[]> {
    const found: Inspected[] = [];
    for await (const each of this.backend.inspect(query)) found.push(each);
    return found as T[];
  }

  async depth(): Promise<Depth> {
    const [depth] = await this.inspect<Depth>({ kind: 'depth', subscription: 's' });
    return depth as Depth;
  }
}

function message(given: Partial<Outgoing> = {}): Outgoing {
  return {
    topic: 't',
    to: undefined,
    id: 'id',
    key: undefined,
    body: 'body',
    headers: NO_HEADERS,
    delayMs: undefined,
    ttlMs: undefined,
    event: undefined,
    ...given,
  };
}

function failure(attempt: number): FailureRecord {
  const error = { name: 'Error', message: `no ${attempt}` };
  return { attempt, at: 0, reason: 'handler_error', error, handler: 'A.b', host: 'h:1' };
}

async function one(receiver: Receiver): Promise<Delivery> {
  const [delivery] = await receiver.receive(1, never);
  return delivery as Delivery;
}

const ids = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ id }) => id);

async function settled(
  receiver: Receiver,
  delivery: Delivery,
  kind: 'ack' | 'release',
): Promise<SettleResult> {
  const [result] = await receiver.settle([{ kind, delivery }]);
  return result as SettleResult;
}

describe('receive', () => {
  it('hands out in the order of readiness, whether published, due, failed or expired', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.backend.publish([message({ id: 'leased' })]);
    await one(receiver); // its lease ends at 1000
    await bench.backend.publish([
      message({ id: 'at-900', delayMs: 900 }),
      message({ id: 'at-1100', delayMs: 1_100 }),
    ]);
    await bench.clock.advance(950);
    await bench.send('at-950');
    await bench.clock.advance(100);
    await bench.send('at-1050');
    await bench.clock.advance(100);
    await bench.send('at-1150');
    expect(ids(await receiver.receive(10, never))).toEqual([
      'at-900',
      'at-950',
      'leased',
      'at-1050',
      'at-1100',
      'at-1150',
    ]);
  });

  it('waits for a publish, and takes no more than asked', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    const waiting = receiver.receive(2, never);
    await bench.send('a', 'b', 'c');
    expect(ids(await waiting)).toEqual(['a', 'b']);
    expect(ids(await receiver.receive(9, never))).toEqual(['c']);
  });

  it.each([
    [
      'a due time',
      async (bench: Bench) => void (await bench.backend.publish([message({ delayMs: 500 })])),
      500,
    ],
    [
      'the end of a lease',
      async (bench: Bench) => {
        await bench.send('x');
        await one(await bench.receiver());
      },
      LEASE_MS,
    ],
  ])('wakes up exactly at %s', async (_what, prepare, afterMs) => {
    const bench = await Bench.open();
    await prepare(bench);
    let got = 0;
    void (await bench.receiver()).receive(1, never).then(({ length }) => (got = length));
    await bench.clock.advance(afterMs - 1);
    expect(got).toBe(0);
    await bench.clock.advance(1);
    expect(got).toBe(1);
  });

  it('ends empty on abort and on close, leaving no timer', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.backend.publish([message({ delayMs: 500 })]);
    const abort = new AbortController();
    const aborted = receiver.receive(1, abort.signal);
    const other = receiver.receive(1, never);
    expect(bench.clock.pending).toBe(1);
    abort.abort();
    expect(await aborted).toEqual([]);
    expect(bench.clock.pending).toBe(1);
    await receiver.close();
    expect(await other).toEqual([]);
    expect(bench.clock.pending).toBe(0);
    expect(await receiver.receive(1, never)).toEqual([]);
  });

  it('leaves nothing behind on signals that outlive it', async () => {
    const bench = await Bench.open();
    const signal = new AbortController().signal;
    for (let round = 0; round < 5; round++) {
      const receiver = await bench.receiver();
      const waits = [receiver.receive(1, signal), receiver.receive(1, signal)];
      expect(getEventListeners(signal, 'abort')).toHaveLength(1);
      await receiver.close();
      await Promise.all(waits);
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('settle', () => {
  it('answers noop to the second settlement and lost to a foreign delivery', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a', 'b');
    const [a, b] = await receiver.receive(2, never);
    const results = await receiver.settle([
      { kind: 'ack', delivery: a as Delivery },
      { kind: 'dead', delivery: a as Delivery, failure: failure(1) },
      { kind: 'ack', delivery: { ...(b as Delivery) } },
      { kind: 'ack', delivery: b as Delivery },
    ]);
    expect(results).toEqual(['ok', 'noop', 'lost', 'ok']);
    expect(await bench.depth()).toMatchObject({ ready: 0, inflight: 0, delayed: 0, dead: 0 });
  });

  it('is lost at the very end of the lease, though nobody took over', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('early', 'late');
    const [early, late] = await receiver.receive(2, never);
    await bench.clock.advance(LEASE_MS - 1);
    expect(await settled(receiver, early as Delivery, 'ack')).toBe('ok');
    await bench.clock.advance(1);
    expect(await settled(receiver, late as Delivery, 'ack')).toBe('lost');
    expect(await one(receiver)).toMatchObject({ id: 'late', attempt: 2, crashes: 1 });
  });

  it('does not confuse copies of two subscriptions', async () => {
    const bench = await Bench.open();
    await bench.backend.ensure({ subscriptions: [{ name: 'other', topics: ['t'] }] }, 'create');
    const [mine, theirs] = [await bench.receiver(), await bench.receiver('other')];
    await bench.send('a');
    const [a] = [await one(mine), await one(theirs)];
    expect(await settled(theirs, a, 'ack')).toBe('lost');
    expect(await settled(mine, a, 'ack')).toBe('ok');
  });

  it('gives released messages back to their own places', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a', 'b', 'c', 'd');
    const [a, b, c] = (await receiver.receive(3, never)) as [Delivery, Delivery, Delivery];
    for (const delivery of [b, a, c]) await settled(receiver, delivery, 'release');
    const again = await receiver.receive(9, never);
    expect(ids(again)).toEqual(['a', 'b', 'c', 'd']);
    expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it('releases for later, uncounted, and then behind what is ready', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a');
    const delivery = await one(receiver);
    expect(await receiver.settle([{ kind: 'release', delivery, delayMs: 300 }])).toEqual(['ok']);
    await bench.clock.advance(299);
    await bench.send('b');
    expect(await bench.depth()).toMatchObject({ ready: 1, delayed: 1 });
    await bench.clock.advance(1);
    const again = await receiver.receive(9, never);
    expect(again).toMatchObject([{ id: 'b' }, { id: 'a', attempt: 1 }]);
  });

  it('extends from now on, and refuses what is beyond the maximum', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a');
    const delivery = await one(receiver);
    await bench.clock.advance(900);
    expect(await receiver.settle([{ kind: 'extend', delivery, leaseMs: 500 }])).toEqual(['ok']);
    expect(await receiver.settle([{ kind: 'extend', delivery, leaseMs: 1e12 }])).toEqual([
      expect.objectContaining({ code: 'unsupported' }),
    ]);
    await bench.clock.advance(499);
    expect(await settled(receiver, delivery, 'ack')).toBe('ok');
  });

  it('counts failures and crashes apart, and keeps the newest failures', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a');
    for (let attempt = 1; attempt <= MAX_FAILURE_HISTORY + 2; attempt++) {
      const delivery = await one(receiver);
      await receiver.settle([{ kind: 'retry', delivery, delayMs: 0, failure: failure(attempt) }]);
    }
    await one(receiver);
    await bench.clock.advance(LEASE_MS);
    const delivery = await one(receiver);
    expect(delivery).toMatchObject({ attempt: MAX_FAILURE_HISTORY + 4, crashes: 1 });
    expect(delivery.failures.map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});

describe('publish', () => {
  it('wakes one waiting receiver after the other, in the order they came', async () => {
    const bench = await Bench.open();
    const [first, second] = [await bench.receiver(), await bench.receiver()];
    const answers = Promise.all([first.receive(1, never), second.receive(1, never)]);
    await bench.send('a', 'b');
    expect((await answers).map(ids)).toEqual([['a'], ['b']]);
  });

  it('refuses what nobody would get, one by one', async () => {
    const bench = await Bench.open();
    const results = await bench.backend.publish([
      message(),
      message({ topic: 'x' }),
      message({ to: 'y' }),
      message(),
    ]);
    expect(results).toMatchObject([
      { status: 'stored', copies: 1 },
      { status: 'refused', error: { code: 'unroutable' } },
      { status: 'refused', error: { code: 'unroutable' } },
      { status: 'stored', copies: 1 },
    ]);
    expect((await bench.depth()).ready).toBe(2);
  });

  it('reports different numbers of copies in one batch', async () => {
    const bench = await Bench.open();
    await bench.backend.ensure({ subscriptions: [{ name: 'two', topics: ['t', 'u'] }] }, 'create');
    const results = await bench.backend.publish([
      message(),
      message({ topic: 'u' }),
      message({ to: 'two' }),
      message(),
    ]);
    expect(results).toEqual([2, 1, 1, 2].map((copies) => ({ status: 'stored', copies })));
  });

  it('refuses beyond maxMessages, and takes again when there is room', async () => {
    const bench = await Bench.open({ maxMessages: 2 });
    const receiver = await bench.receiver();
    const batch = [message(), message({ delayMs: 9 }), message()];
    expect(await bench.backend.publish(batch)).toMatchObject([
      { status: 'stored' },
      { status: 'stored' },
      {
        status: 'refused',
        error: { code: 'subscription_full', message: expect.stringContaining('holds 2 messages') },
      },
    ]);
    await settled(receiver, await one(receiver), 'ack');
    expect(await bench.backend.publish([message()])).toMatchObject([{ status: 'stored' }]);
  });

  it('counts bytes, not characters', async () => {
    const bench = await Bench.open({ maxBytes: 8 });
    const bodies = ['12345678', '€€', '€€12', '€€€', new Uint8Array(8), new Uint8Array(9)];
    const results = await bench.backend.publish(bodies.map((body) => message({ body })));
    expect(results.map(({ status }) => status)).toEqual([
      'stored',
      'stored',
      'stored',
      'refused',
      'stored',
      'refused',
    ]);
  });

  it('keeps its own bytes and headers, whoever writes into theirs', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    const body = Uint8Array.of(1, 2, 3);
    const headers: Record<string, string> = { h: 'v' };
    await bench.backend.publish([message({ body, headers })]);
    body[0] = 9;
    headers['h'] = 'changed';
    const first = await one(receiver);
    expect(first).toMatchObject({ body: Uint8Array.of(1, 2, 3), headers: { h: 'v' } });
    (first.body as Uint8Array)[0] = 8;
    await settled(receiver, first, 'release');
    expect((await one(receiver)).body).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('hands the event over as it is, without asking for bytes that nobody needs', async () => {
    const bench = await Bench.open();
    const event = Object.freeze({ event_id: 'e', data: 'x' }) as unknown as NonNullable<Outgoing['event']>;
    const lazy = message({ event });
    let asked = 0;
    Object.defineProperty(lazy, 'body', { get: () => `made ${++asked}` });
    await bench.backend.publish([lazy]);
    const delivery = await one(await bench.receiver());
    expect(delivery.event).toBe(event);
    expect(asked).toBe(0);
    expect(delivery.body).toBe('made 1');
  });

  it('counts the bytes of an event that may be too large', async () => {
    const bench = await Bench.open({ maxBytes: 20_000 });
    const event = { data: 'x'.repeat(30_000) } as unknown as NonNullable<Outgoing['event']>;
    const results = await bench.backend.publish([message({ event, body: 'x'.repeat(30_000) })]);
    expect(results).toMatchObject([{ error: { code: 'payload_too_large' } }]);
  });

  it('forgets a message when its time is over, wherever it is', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.backend.publish([
      message({ id: 'ready', ttlMs: 100 }),
      message({ id: 'delayed', delayMs: 200, ttlMs: 100 }),
      message({ id: 'stays' }),
    ]);
    await bench.clock.advance(100);
    expect(await bench.depth()).toMatchObject({ ready: 1, delayed: 0 });
    await bench.clock.advance(100);
    expect(ids(await receiver.receive(9, never))).toEqual(['stays']);
  });
});

describe('inspect', () => {
  it('browses without taking, page by page, and purges by ref', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a', 'b', 'c', 'd');
    const [a, b] = (await receiver.receive(2, never)) as [Delivery, Delivery];
    await receiver.settle([{ kind: 'dead', delivery: a, failure: failure(1) }]);
    const [dead] = await bench.inspect({ kind: 'browse', subscription: 's', state: 'dead', limit: 9 });
    expect(dead).toMatchObject({
      id: 'a',
      ref: a.ref,
      attempts: 1,
      failures: [failure(1)],
      deadAt: bench.clock.now(),
    });
    const held = await bench.inspect({ kind: 'browse', subscription: 's', state: 'inflight', limit: 9 });
    expect(held).toMatchObject([{ id: 'b', attempts: 1, ref: b.ref }]);
    const page = await bench.inspect<never>({ kind: 'browse', subscription: 's', state: 'ready', limit: 1 });
    const [{ ref: after }] = page as unknown as [{ ref: string }];
    const next = await bench.inspect({ kind: 'browse', subscription: 's', state: 'ready', limit: 9, after });
    expect([...page, ...next]).toMatchObject([{ id: 'c', attempts: 0 }, { id: 'd' }]);
    expect(await bench.inspect({ kind: 'purge', subscription: 's', state: 'ready', ref: after })).toEqual([
      { kind: 'purged', count: 1 },
    ]);
    expect(await bench.depth()).toMatchObject({ ready: 1, inflight: 1, dead: 1 });
    expect(ids(await receiver.receive(9, never))).toEqual(['d']);
  });

  it('tells the age of the oldest ready message', async () => {
    const bench = await Bench.open();
    expect((await bench.depth()).oldestReadyMs).toBeUndefined();
    await bench.send('a');
    await bench.clock.advance(40);
    await bench.send('b');
    expect((await bench.depth()).oldestReadyMs).toBe(40);
  });
});

describe('ensure', () => {
  it('creates what is missing and reports what is different', async () => {
    const bench = await Bench.open();
    const declared = {
      subscriptions: [
        { name: 's', topics: ['u'] },
        { name: 'new', topics: ['t'] },
      ],
    };
    expect(await bench.backend.ensure(declared, 'check')).toEqual([
      { kind: 'missing-topic', subscription: 's', topic: 'u' },
      { kind: 'extra-topic', subscription: 's', topic: 't' },
      { kind: 'missing-subscription', subscription: 'new', topic: undefined },
    ]);
    expect(await bench.backend.ensure(declared, 'create')).toEqual([
      { kind: 'extra-topic', subscription: 's', topic: 't' },
    ]);
    expect(await bench.backend.publish([message(), message({ topic: 'u' })])).toMatchObject([
      { copies: 2 },
      { copies: 1 },
    ]);
  });

  it('must come before open', async () => {
    const bench = await Bench.open();
    await expect(bench.receiver('nobody')).rejects.toMatchObject({ code: 'unknown_subscription' });
  });
});

describe('close', () => {
  it('refuses everything afterwards, wakes those who wait and leaves no timer', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a');
    const delivery = await one(receiver);
    const waiting = receiver.receive(1, never);
    await bench.backend.close(new Date(0));
    await bench.backend.close(new Date(0));
    expect(await waiting).toEqual([]);
    expect(bench.clock.pending).toBe(0);
    const closed = expect.objectContaining({ code: 'closed' });
    expect(await receiver.settle([{ kind: 'ack', delivery }])).toEqual([closed]);
    await expect(bench.backend.publish([message()])).rejects.toEqual(closed);
    await expect(bench.receiver()).rejects.toEqual(closed);
    await expect(bench.depth()).rejects.toEqual(closed);
    expect(bench.backend.status().state).toBe('down');
  });

  it('of a receiver keeps its leases settleable', async () => {
    const bench = await Bench.open();
    const receiver = await bench.receiver();
    await bench.send('a');
    const delivery = await one(receiver);
    await receiver.close();
    expect(await settled(receiver, delivery, 'ack')).toBe('ok');
  });
});

describe('faults', () => {
  it('crash: nothing from there arrives any more, and the lease runs out as a crash', async () => {
    const bench = await Bench.open();
    const [doomed, heir] = [await bench.receiver(), await bench.receiver()];
    await bench.send('a');
    const delivery = await one(doomed);
    crash(doomed);
    expect(await settled(doomed, delivery, 'ack')).toMatchObject({ code: 'closed' });
    expect((await bench.depth()).inflight).toBe(1);
    await bench.clock.advance(LEASE_MS);
    expect(await one(heir)).toMatchObject({ id: 'a', attempt: 2, crashes: 1 });
  });

  it('are the same for the same seed, are reported, and lose nothing', async () => {
    const run = async (): Promise<string[]> => {
      const story: string[] = [];
      const report = ({ kind, id }: { kind: string; id: string }): void => void story.push(`${kind} ${id}`);
      const chance = 0.2;
      const bench = await Bench.open({
        faults: {
          duplicate: chance,
          reorder: chance,
          loseSettleAnswer: chance,
          unknownPublish: chance,
          report,
        },
      });
      const receiver = await bench.receiver();
      const batch = Array.from({ length: 50 }, (_, n) => message({ id: `m${n}` }));
      const results = await bench.backend.publish(batch);
      const deliveries = await receiver.receive(200, never);
      const got = new Set(ids(deliveries));
      results.forEach(({ status }, n) => expect(status === 'unknown' || got.has(`m${n}`)).toBe(true));
      await receiver.settle(deliveries.map((delivery) => ({ kind: 'ack', delivery })));
      return [...story, ...ids(deliveries)];
    };
    const [first, second] = [await run(), await run()];
    expect(first).toEqual(second);
    for (const kind of ['duplicate', 'reorder', 'loseSettleAnswer', 'unknownPublish']) {
      expect(first.some((line) => line.startsWith(kind))).toBe(true);
    }
  });
});
