import { sleep } from '../../ambient/clock.js';
import { FaultyBackend } from '../../backends/memory/memory.faults.js';
import { DEFAULT_IDEMPOTENCY } from '../../policies/idempotency.policy.js';
import { AlteredBackend } from '../altered-backend.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { LEASE_MS, TOPIC } from '../law-bench.js';
import { consume, drain, Latch, openBus } from '../law-consumer.js';
import { ProcessView } from '../process-view.js';

/** G and H with a consumer on top: leases are kept alive, demand is bounded, stopping loses nothing. */
export const CONSUMER_LAWS: readonly Law[] = [
  {
    id: 'A6',
    title: 'a publish that ended as unknown and is repeated with its id costs one duplicate at most',
    does: async (bench) => {
      const faulty = new FaultyBackend(bench.backend, { unknownPublish: 0.4 }, bench.ambient.random);
      const bus = openBus(bench, faulty);
      const attempts = new Map<string, number>();
      for (let n = 0; n < 40; n++) {
        const id = `a6-${n}`;
        for (let stored = false; !stored; attempts.set(id, (attempts.get(id) ?? 0) + 1)) {
          const error: unknown = await bus.publish(TOPIC, n, { id }).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          if (error !== undefined) mustEqual(codeOf(error), 'publish_outcome_unknown', 'the error');
          stored = error === undefined;
        }
      }
      const running = await consume(bench, { handle: () => undefined });
      await bench.time.until(() => new Set(running.starts).size === 40, 3_000);
      await bench.time.pass(100);
      for (const [id, tries] of attempts) {
        must(
          running.startsOf(id) <= tries,
          `${id} came ${running.startsOf(id)} times for ${tries} publishes`,
        );
      }
    },
  },
  {
    id: 'A7',
    title: 'closing a bus waits for every publish that was not awaited, and leaves none without an answer',
    does: async (bench) => {
      const bus = openBus(bench);
      let answered = 0;
      for (let n = 0; n < 1_000; n++) void bus.publish(TOPIC, n).finally(() => answered++);
      await bus.close();
      mustEqual(answered, 1_000, 'the answers when close resolves');
      const late: unknown = await bus.publish(TOPIC, 0).then(
        () => 'stored',
        (thrown: unknown) => thrown,
      );
      mustEqual(codeOf(late), 'closed', 'the answer after it');
      const running = await consume(bench, { handle: () => undefined });
      await bench.time.until(() => running.settled.length === 1_000, 8_000);
    },
  },
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
      must(tookMs <= 50 + bench.time.slackMs, `it took ${tookMs} ms to start`);
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
      must(tookMs <= 50 + bench.time.slackMs, `it took ${tookMs} ms to start`);
    },
  },
  {
    id: 'B12',
    title: 'a settlement that fails is tried again, or the message comes again: never silence',
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const running = await consume(bench, { handle: () => undefined, process });
      process.settleFailure = process.gone('settle');
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      await bench.time.pass(120);
      mustEqual((await bench.depth()).inflight, 1, 'what is in flight while the broker fails');
      process.settleFailure = undefined;
      await bench.time.until(() => running.settled.includes('ack'), 4 * LEASE_MS);
    },
  },
  {
    id: 'G1',
    title: 'a handler that takes three leases runs once: its lease is renewed meanwhile',
    proves: ['lease'],
    does: async (bench) => {
      const [latch, other] = [new Latch(), await bench.receiver()];
      const running = await consume(bench, { handle: () => latch.pass() });
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      await bench.silence(other, 3 * LEASE_MS);
      latch.open();
      await bench.time.until(() => running.settled.length === 1, 1_000);
      mustEqual([running.starts.length, running.settled], [1, ['ack']], 'runs and settlements');
    },
  },
  {
    id: 'G3',
    title:
      'when leases cannot be renewed, the handler is told before anybody else can start, and its outcome is lost',
    proves: ['lease'],
    does: async (bench) => {
      const process = new ProcessView(bench.backend);
      const abortedAt: number[] = [];
      const reasons: string[] = [];
      const running = await consume(bench, {
        process,
        handle: async ({ signal }) => {
          process.settleFailure = process.gone('settle');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          abortedAt.push(bench.time.clock.mono());
          reasons.push(codeOf(signal.reason));
        },
      });
      await bench.publish(bench.message());
      const startedAt = bench.time.clock.mono();
      await bench.time.until(() => abortedAt.length === 1, 3 * LEASE_MS);
      mustEqual(reasons, ['lease_lost'], 'the reason');
      const tookMs = (abortedAt[0] as number) - startedAt;
      must(tookMs < LEASE_MS + bench.time.slackMs / 2, `it was told after ${tookMs} ms of ${LEASE_MS}`);
      process.kill();
      const heir = await bench.receiver();
      await bench.ack(heir, await bench.takeOne(heir, 3 * LEASE_MS));
      must(!running.settled.includes('ack'), 'the first must not have settled it');
    },
  },
  {
    id: 'G5',
    title: 'what waits behind slow handlers keeps its lease and runs once',
    proves: ['lease'],
    does: async (bench) => {
      const running = await consume(bench, {
        handle: () => sleep(bench.time.clock, LEASE_MS),
        policies: { concurrency: 1, prefetch: 10 },
      });
      const ids = await bench.publish(...bench.messages(4));
      await bench.time.until(() => running.settled.length === 4, 8 * LEASE_MS);
      mustEqual(
        [[...running.starts].sort(), running.settled],
        [[...ids].sort(), ['ack', 'ack', 'ack', 'ack']],
        'runs',
      );
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
    id: 'H6',
    title: 'stopping lets running handlers end and settle, and gives the rest back uncounted',
    does: async (bench) => {
      const latch = new Latch();
      const running = await consume(bench, {
        handle: () => latch.pass(),
        policies: { concurrency: 2, prefetch: 4 },
      });
      await bench.publish(...bench.messages(10));
      await bench.time.until(() => running.starts.length === 2, 1_000);
      const stops = [running.consumer.drain(5_000), running.consumer.drain(5_000)];
      await bench.time.pass(50);
      mustEqual((await bench.depth()).inflight, 2, 'what is in flight while it stops');
      latch.open();
      await drain(bench, running);
      await Promise.all(stops);
      mustEqual(running.settled.filter((kind) => kind === 'ack').length, 2, 'what was finished');
      mustEqual(running.starts.length, 2, 'the handler starts');
      const heir = await bench.receiver();
      const rest = await bench.take(heir, 8, LEASE_MS / 2);
      mustEqual(new Set(rest.map(({ attempt }) => attempt)), new Set([1]), 'the attempts of the rest');
      await bench.ack(heir, ...rest);
    },
  },
  {
    id: 'H7',
    title: 'at the deadline running handlers are told to stop, and their messages go back uncounted',
    does: async (bench) => {
      let reason: unknown;
      const handle = async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reason = signal.reason;
        throw reason as Error;
      };
      const running = await consume(bench, { handle });
      await bench.publish(bench.message());
      await bench.time.until(() => running.starts.length === 1, 1_000);
      const askedAt = bench.time.clock.mono();
      await drain(bench, running, 1_000);
      const tookMs = bench.time.clock.mono() - askedAt;
      must(tookMs <= 1_000 + bench.time.slackMs, `it took ${tookMs} ms of 1000`);
      mustEqual(codeOf(reason), 'shutdown', 'the reason');
      const heir = await bench.receiver();
      const again = await bench.takeOne(heir, LEASE_MS / 2);
      mustEqual(again.attempt, 1, 'the attempt');
      await bench.ack(heir, again);
    },
  },
  {
    id: 'H8',
    title: 'a handler may stop its own consumer, and its message is settled',
    does: async (bench) => {
      const running = await consume(bench, { handle: () => void running.consumer.drain(1_000) });
      await bench.publish(bench.message());
      await bench.time.until(() => running.consumer.status().state === 'stopped', 3_000);
      mustEqual(running.settled, ['ack'], 'the settlements');
    },
  },
  {
    id: 'H9',
    title: 'twenty starts and stops lose nothing and leave nobody behind',
    does: async (bench) => {
      const starts: string[] = [];
      for (let round = 0; round < 20; round++) {
        const running = await consume(bench, { handle: ({ id }) => starts.push(id) });
        await bench.publish(bench.message());
        await bench.time.until(() => running.settled.length >= 1, 2_000);
        await drain(bench, running);
        mustEqual(running.consumer.status().state, 'stopped', 'the state');
      }
      mustEqual(new Set(starts).size, 20, 'what was handled');
    },
  },
  {
    id: 'I9',
    title: 'with faults on every call each message is handled, and nothing is lost',
    does: async (bench) => {
      const chance = 0.1;
      const faults = { duplicate: chance, reorder: chance, loseSettleAnswer: chance, unknownPublish: chance };
      const faulty = new FaultyBackend(bench.backend, faults, bench.ambient.random);
      const running = await consume(bench, { handle: () => undefined, process: faulty });
      const bus = openBus(bench, faulty);
      const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, n) => bus.publish(TOPIC, n)));
      const stored = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' ? [outcome.value.id] : [],
      );
      must(stored.length < 200, 'some publishes must end as unknown, or the faults do not work');
      await bench.time.until(() => stored.every((id) => running.starts.includes(id)), 5_000);
      await bench.time.pass(3 * LEASE_MS);
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
];
