import { FaultProxy } from '@pigeonpost/queue/testing';
import { Redis } from 'ioredis';
import { BrokerProcess } from '../broker-process.js';
import { describeWith } from '../broker-url.js';
import { OpenedBackends } from './opened.js';
import { LEASE_MS, message, SUBSCRIPTION, TOPIC, Traffic } from './traffic.js';

const STARTS_WITHIN_MS = 60_000;
const LONGEST_MS = 90_000;
const HEARTBEAT_MS = 500;
const OPTIONS = { heartbeatMs: HEARTBEAT_MS, connectTimeoutMs: 1_000, commandTimeoutMs: 2_000 };
const RECOVERS_WITHIN_MS = 10_000;
const SUBSCRIPTIONS = [{ name: SUBSCRIPTION, topics: [TOPIC] }];

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);

describeWith('redis', 'the redis backend in trouble', () => {
  let broker: BrokerProcess;
  let admin: Redis;
  let backends: OpenedBackends;

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    broker = await BrokerProcess.start('redis');
    admin = new Redis(broker.url, { maxRetriesPerRequest: null });
    admin.on('error', () => undefined);
  }, STARTS_WITHIN_MS);
  beforeEach(() => (backends = new OpenedBackends(broker.url, OPTIONS)));
  afterEach(() => backends.close());
  afterAll(async () => {
    process.off('unhandledRejection', note);
    admin?.disconnect();
    await broker?.dispose();
  });

  const until = (condition: () => boolean, ms = RECOVERS_WITHIN_MS): Promise<void> =>
    backends.time.until(condition, ms);

  /** Lets traffic flow, does something to it, and insists that it flows again and that nothing is lost. */
  async function survives(trouble: (traffic: Traffic) => Promise<void>): Promise<Traffic> {
    const traffic = await Traffic.over(backends);
    await until(() => traffic.handled.length > 100);
    await trouble(traffic);
    const before = traffic.stored.size;
    await until(() => traffic.stored.size > before + 50);
    await traffic.stopPublishing();
    await until(() => traffic.missing.length === 0, LEASE_MS + RECOVERS_WITHIN_MS);
    await traffic.end();
    expect(traffic.phantoms).toEqual([]);
    expect(traffic.thrown).toEqual([]);
    return traffic;
  }

  it(
    'loses nothing through kill -9 and restart of the server, without a restart of ours',
    async () => {
      const { backend } = await backends.open();
      await survives(async () => {
        await broker.kill();
        await until(() => backend.status().state === 'down');
        const { lastError, since } = backend.status();
        expect(lastError).toMatch(/could not keep its connection/);
        expect(since).toBeLessThanOrEqual(backends.ambient.clock.now());
        await broker.start();
        await until(() => backend.status().state === 'up');
      });
    },
    LONGEST_MS,
  );

  it(
    'loses nothing when all connections are killed, again and again',
    () =>
      survives(async (traffic) => {
        for (let times = 0; times < 5; times++) {
          await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
          await admin.client('KILL', 'TYPE', 'pubsub');
          const before = traffic.handled.length;
          await until(() => traffic.handled.length > before + 10);
        }
      }).then(() => undefined),
    LONGEST_MS,
  );

  it(
    'sends its scripts again when the server has forgotten them',
    async () => {
      const traffic = await survives(async () => void (await admin.script('FLUSH')));
      expect(traffic.unknown.size).toBe(0);
    },
    LONGEST_MS,
  );

  it(
    'creates its subscriptions again when everything was deleted, and says that messages are lost',
    async () => {
      const traffic = await Traffic.over(backends);
      await until(() => traffic.handled.length > 50);
      await admin.flushall();
      const before = traffic.handled.length;
      await until(() => traffic.handled.length > before + 50);
      await traffic.end();
      expect(traffic.publisher.status().lastError).toMatch(/the server has lost its data/);
      // Of a process that has not created it, until one has that did.
      for (const error of traffic.thrown) expect(error).toMatchObject({ code: 'unknown_subscription' });
    },
    LONGEST_MS,
  );

  it(
    'refuses publishes while memory is full, settles and claims all the same, and goes on by itself',
    async () => {
      const { backend } = await backends.open();
      await backend.ensure({ subscriptions: SUBSCRIPTIONS }, 'create');
      await admin.config('SET', 'maxmemory', '8mb');
      const stored: string[] = [];
      const body = 'x'.repeat(100_000);
      for (let full = false; !full;) {
        const [result] = await backend.publish([message(`full-${stored.length}`, { body })]);
        full = result?.status !== 'stored';
        if (!full) stored.push(`full-${stored.length}`);
        else
          expect(result).toMatchObject({
            status: 'refused',
            error: { message: expect.stringMatching(/OOM: its memory is full/) },
          });
      }
      const receiver = await backend.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: 60_000 });
      const failure = {
        attempt: 1,
        at: 1,
        reason: 'handler_error',
        error: { name: 'E', message: 'e' },
      } as const;
      const handled: string[] = [];
      let isRetried = false;
      while (handled.length < stored.length) {
        for (const delivery of await receiver.receive(10, new AbortController().signal)) {
          const act = isRetried
            ? ({ kind: 'ack', delivery } as const)
            : ({
                kind: 'retry',
                delivery,
                delayMs: 0,
                failure: { ...failure, handler: 'h', host: 'h' },
              } as const);
          expect(await receiver.settle([{ kind: 'extend', delivery, leaseMs: 60_000 }, act])).toEqual([
            'ok',
            'ok',
          ]);
          if (act.kind === 'ack') handled.push(delivery.id);
          isRetried = true;
        }
      }
      expect(handled.sort()).toEqual(stored.sort());
      const [again] = await backend.publish([message('after')]);
      expect(again?.status).toBe('stored');
      await admin.config('SET', 'maxmemory', '0');
      await admin.flushall();
    },
    LONGEST_MS,
  );

  it(
    'goes down while its server is a replica, and works again when it is none',
    async () => {
      const { backend } = await backends.open();
      await survives(async () => {
        await admin.replicaof('127.0.0.1', 1);
        const refused = await backend.publish([message('to-a-replica')]);
        expect(refused).toMatchObject([{ status: 'refused' }]);
        await until(() => /READONLY: it is a replica/.test(backend.status().lastError ?? ''));
        expect(backend.status().state).not.toBe('up');
        await admin.replicaof('NO', 'ONE');
      });
      await until(() => backend.status().state === 'up');
    },
    LONGEST_MS,
  );

  it(
    'notices a network that swallows everything within two heartbeats, also when idle, and works again after it',
    async () => {
      const proxy = await FaultProxy.before(broker.url);
      const direct = (await backends.open()).backend;
      const { backend } = await backends.open({ url: proxy.through(broker.url) });
      await direct.ensure({ subscriptions: SUBSCRIPTIONS }, 'create');
      const receiver = await backend.open({ name: SUBSCRIPTION, topics: [TOPIC], leaseMs: LEASE_MS });
      const got: string[] = [];
      const abort = new AbortController();
      const consuming = (async () => {
        while (!abort.signal.aborted) {
          for (const { id } of await receiver.receive(1, abort.signal)) got.push(id);
        }
      })();
      const openedAt = backends.ambient.clock.now();
      await until(() => (backend.status().lastProgressAt ?? 0) > openedAt + 2 * HEARTBEAT_MS);
      expect(backend.status().state).toBe('up');
      proxy.apply({ kind: 'blackhole' });
      const swallowedAt = performance.now();
      await until(() => backend.status().state === 'down', 2 * HEARTBEAT_MS);
      expect(performance.now() - swallowedAt).toBeLessThan(2 * HEARTBEAT_MS + backends.time.slackMs);
      const [lost] = await backend.publish([message('into-the-hole')]);
      expect(lost?.status).toMatch(/refused|unknown/);
      expect(got).toEqual([]);
      proxy.heal();
      await direct.publish([message('after-the-hole')]);
      await until(() => got.includes('after-the-hole'), RECOVERS_WITHIN_MS);
      await until(() => backend.status().state === 'up');
      abort.abort();
      await consuming;
      await receiver.close();
      await backend.close(new Date());
      await proxy.close();
      await admin.flushall();
    },
    LONGEST_MS,
  );

  it(
    'says of a publish that was cut off on its way that it may be stored, and never sends it again',
    async () => {
      const proxy = await FaultProxy.before(broker.url);
      const direct = (await backends.open()).backend;
      const { backend } = await backends.open({ url: proxy.through(broker.url) });
      await direct.ensure({ subscriptions: SUBSCRIPTIONS }, 'create');
      await backend.publish([message('first')]);
      proxy.apply({ kind: 'blackhole' }, 'from broker');
      const [result] = await backend.publish([message('second')]);
      expect(result).toMatchObject({ status: 'unknown', error: { code: 'publish_outcome_unknown' } });
      proxy.heal();
      await until(() => backend.status().state === 'up');
      const ids: string[] = [];
      for await (const item of direct.inspect({
        kind: 'browse',
        subscription: SUBSCRIPTION,
        state: 'ready',
        limit: 10,
      })) {
        if (item.kind === 'message') ids.push(item.id);
      }
      expect(ids).toEqual(['first', 'second']);
      await backend.close(new Date());
      await proxy.close();
      await admin.flushall();
    },
    LONGEST_MS,
  );

  it('ends a publish when its caller gives up, and one without a connection in time', async () => {
    const { backend } = await backends.open();
    await backend.ensure({ subscriptions: SUBSCRIPTIONS }, 'create');
    await broker.pause();
    const abort = new AbortController();
    const publishing = backend.publish([message('given-up')], { signal: abort.signal });
    abort.abort();
    expect((await publishing)[0]?.status).toBe('unknown');
    await until(() => backend.status().state === 'down');
    const [late] = await backend.publish([message('too-late')]);
    expect(late).toMatchObject({ status: 'refused', error: { code: 'unavailable' } });
    await broker.resume();
    await until(() => backend.status().state === 'up');
    await admin.flushall();
  });

  it('left no rejection unhandled in any of it', () => {
    expect(unhandled).toEqual([]);
  });
});
