import { sleep } from '../../ambient/clock.js';
import { DEFAULT_IDEMPOTENCY } from '../../policies/idempotency.policy.js';
import { AlteredBackend } from '../altered-backend.js';
import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, TOPIC } from '../law-bench.js';
import { consume, Latch, openBus } from '../law-consumer.js';

const PREFETCH = 5;

/** B, H and J with a consumer on top: demand is bounded, and an intent takes effect once. */
export const CONSUMER_LAWS: readonly Law[] = [
  {
    id: 'B11',
    title: 'an idle consumer asks seldom, and starts at once when something comes',
    does: async (bench) => {
      let calls = 0;
      const counted = new AlteredBackend(bench.backend, {
        receive: (rightly) => {
          calls++;
          return rightly();
        },
      });
      const running = await consume(bench, { handle: () => undefined, process: counted });
      await bench.time.pass(1_000);
      must(calls <= 40, `it asked ${calls} times in a second`);
      const publishedAt = bench.time.clock.mono();
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      const tookMs = bench.time.clock.mono() - publishedAt;
      must(tookMs <= 50 + bench.time.latestMs, `it took ${tookMs} ms to start`);
    },
  },
  {
    id: 'B11a',
    title: 'a message from another process wakes an idle consumer',
    proves: ['hosts'],
    gate: { needs: 'several processes on one broker', met: ({ hosts }) => hosts !== 'process' },
    does: async (bench) => {
      const running = await consume(bench, { handle: () => undefined });
      await bench.time.pass(300);
      const other = await bench.connect();
      const publishedAt = bench.time.clock.mono();
      await other.publish([bench.message()]);
      await bench.time.until(() => running.starts.length === 1, 1_000);
      const tookMs = bench.time.clock.mono() - publishedAt;
      must(tookMs <= 50 + bench.time.latestMs, `it took ${tookMs} ms to start`);
    },
  },
  {
    id: 'H1',
    title: 'no more handlers run than concurrency allows, and no more wait than prefetch allows',
    does: async (bench) => {
      const latch = new Latch();
      const running = await consume(bench, {
        handle: () => latch.pass(),
        policies: { concurrency: 3, prefetch: 4 },
      });
      await bench.publish(...bench.messages(50));
      await bench.time.until(() => running.starts.length === 3, 1_000);
      await bench.time.pass(100);
      const { running: busy, buffered } = running.consumer.status();
      must(busy === 3 && buffered <= 4, `${busy} run and ${buffered} wait`);
      const { ready, inflight } = await bench.depth();
      must(inflight <= 7 && ready >= 43, `${inflight} are in flight, ${ready} are ready`);
      latch.open();
      await bench.time.until(() => running.settled.length === 50, 5_000);
    },
  },
  {
    id: 'H3',
    title: 'while it is paused nothing starts, and what waits goes back uncounted',
    does: async (bench) => {
      const latch = new Latch();
      const attempts: number[] = [];
      const handle = ({ attempt }: { readonly attempt: number }): Promise<void> => {
        attempts.push(attempt);
        return latch.pass();
      };
      const running = await consume(bench, { handle, policies: { concurrency: 1, prefetch: 5 } });
      await bench.publish(...bench.messages(6));
      await bench.time.until(() => running.starts.length === 1, 1_000);
      running.consumer.pause();
      latch.open();
      await bench.time.pass(2 * LEASE_MS);
      mustEqual(running.starts.length, 1, 'the starts while paused');
      mustEqual((await bench.depth()).ready, 5, 'what is ready while paused');
      running.consumer.resume();
      await bench.time.until(() => running.starts.length === 6, 3_000);
      mustEqual(new Set(attempts), new Set([1]), 'the attempts');
    },
  },
  {
    id: 'H4',
    title: 'concurrency can be raised and lowered while it runs',
    does: async (bench) => {
      let busy = 0;
      let most = 0;
      const handle = async (): Promise<void> => {
        most = Math.max(most, ++busy);
        await sleep(bench.time.clock, 20);
        busy--;
      };
      const running = await consume(bench, { handle, policies: { concurrency: 1, prefetch: 0 } });
      const phase = async (concurrency: number): Promise<number> => {
        running.consumer.setConcurrency(concurrency);
        await bench.time.until(() => busy <= concurrency, 1_000);
        most = 0;
        const settled = running.settled.length;
        await bench.publish(...bench.messages(20));
        await bench.time.until(() => running.settled.length === settled + 20, 5_000);
        return most;
      };
      mustEqual([await phase(1), await phase(5), await phase(2)], [1, 5, 2], 'the most that ran at once');
    },
  },
  {
    id: 'H4a',
    title:
      'paused, resumed and resized again and again under load, it handles everything, holds no more than its prefetch and loses no slot',
    does: async (bench) => {
      const latch = new Latch();
      let busy = 0;
      const isLast = new Set<string>();
      const handle = async ({ id }: { readonly id: string }): Promise<void> => {
        busy++;
        await (isLast.has(id) ? latch.pass() : sleep(bench.time.clock, 5));
        busy--;
      };
      // Where a release is counted, a pause costs attempts.
      const retry = { attempts: 100 };
      const running = await consume(bench, {
        handle,
        retry,
        policies: { concurrency: 1, prefetch: PREFETCH },
      });
      const acks = (): number => running.settled.filter((kind) => kind === 'ack').length;
      await bench.publish(...bench.messages(100));
      for (let round = 0; round < 12; round++) {
        running.consumer.pause();
        await bench.time.pass(round % 3);
        running.consumer.setConcurrency(1 + (round % 4));
        running.consumer.resume();
        await bench.time.pass(4);
        const { buffered } = running.consumer.status();
        must(buffered <= PREFETCH + 4, `${buffered} are held`); // that many may have had a slot before
      }
      running.consumer.setConcurrency(4);
      await bench.time.until(() => acks() === 100, 10_000);
      mustEqual(new Set(running.starts).size, 100, 'the messages that were handled');
      const last = bench.messages(8);
      for (const { id } of last) isLast.add(id);
      await bench.publish(...last);
      await bench.time.until(() => busy === 4, 5_000);
      latch.open();
      await bench.time.until(() => acks() === 108, 5_000);
    },
  },
  {
    id: 'J3',
    title: 'of ten copies of one intent at once, one takes effect',
    does: async (bench) => {
      if (bench.store === undefined) return;
      let effects = 0;
      const running = await consume(bench, {
        policies: { raw: false, idempotency: { ...DEFAULT_IDEMPOTENCY, busyDelayMs: 50 } },
        handle: async () => {
          await sleep(bench.time.clock, 30);
          effects++;
        },
      });
      const bus = openBus(bench);
      await Promise.all(
        Array.from({ length: 10 }, () => bus.publish(TOPIC, {}, { idempotencyKey: 'one-intent' })),
      );
      await bench.time.until(() => running.settled.filter((kind) => kind === 'ack').length === 10, 5_000);
      mustEqual(effects, 1, 'the effects');
    },
  },
  {
    id: 'J3a',
    title: 'each subscription handles an intent once: what one has done, another has not',
    does: async (bench) => {
      if (bench.store === undefined) return;
      const other = 'laws.other';
      await bench.ensure({ [other]: [TOPIC] });
      const policies = { raw: false, idempotency: DEFAULT_IDEMPOTENCY };
      const handle = (): undefined => undefined;
      const first = await consume(bench, { policies, handle });
      await openBus(bench).publish(TOPIC, {}, { idempotencyKey: 'one-intent' });
      await bench.time.until(() => first.settled.length === 1, 5_000);
      const second = await consume(bench, { policies, handle, subscription: other });
      await bench.time.until(() => second.settled.length === 1, 5_000);
      mustEqual([first.starts.length, second.starts.length], [1, 1], 'the runs in each subscription');
    },
  },
];
