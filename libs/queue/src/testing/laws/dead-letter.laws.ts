import type { Peeked } from '../../backend/inspect.js';
import { DeadLetterSweep } from '../../consume/dead-letter-sweep.js';
import { checkHeaders } from '../../message/headers.js';
import { must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import { SUBSCRIPTION } from '../law-bench.js';

const DEAD: Gate = { needs: 'dead letters', met: ({ dead }) => dead !== 'none' };
const BROWSE: Gate = {
  needs: 'dead letters that can be browsed',
  met: ({ dead, browse }) => dead !== 'none' && browse !== 'none',
};

/** D: what cannot be handled is kept, with the reason. */
export const DEAD_LETTER_LAWS: readonly Law[] = [
  {
    id: 'D3',
    title: 'bytes that nobody can read lie among the dead as they came, and the next message flows',
    proves: ['dead', 'browse'],
    gate: BROWSE,
    does: async (bench) => {
      const body = Uint8Array.of(0xff, 0x00, 0xfe, 0x7b);
      await bench.publish(bench.message({ body }), bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      const failure = bench.failure(1, { reason: 'decode_error' });
      mustEqual(await bench.settle(receiver, { kind: 'dead', delivery, failure }), ['ok'], 'the answer');
      await bench.ack(receiver, await bench.takeOne(receiver));
      const [dead] = await bench.browse('dead');
      mustEqual(dead?.body, body, 'the bytes of the dead letter');
    },
  },
  {
    id: 'D8',
    title: 'a dead letter tells where it came from and every failure on its way',
    proves: ['dead'],
    gate: { needs: 'dead letters with reasons', met: ({ dead }) => dead === 'native-reason' },
    does: async (bench) => {
      const message = bench.message({ key: 'k', headers: checkHeaders({ original: 'ünïcode' }) });
      const publishedAt = bench.ambient.clock.now();
      await bench.publish(message);
      const receiver = await bench.receiver();
      const first = bench.failure(1, { reason: 'timeout' });
      await bench.settle(receiver, {
        kind: 'retry',
        delivery: await bench.takeOne(receiver),
        delayMs: 0,
        failure: first,
      });
      const delivery = await bench.takeOne(receiver);
      const failure = bench.failure(2, {
        error: { name: 'Boom', message: 'line 1\nline 2 “ü”', details: { a: [1] } },
      });
      await bench.settle(receiver, { kind: 'dead', delivery, failure });
      const [dead, ...more] = await bench.browse('dead');
      must(dead !== undefined && more.length === 0, 'there must be one dead letter');
      mustEqual(
        [dead.id, dead.topic, dead.subscription, dead.key],
        [message.id, message.topic, SUBSCRIPTION, 'k'],
        'where it came from',
      );
      mustEqual({ ...dead.headers }, { original: 'ünïcode' }, 'its headers');
      mustEqual(dead.failures, [first, failure], 'its failures');
      mustEqual([dead.attempts, dead.crashes], [2, 0], 'attempts and crashes');
      must(
        Math.abs(dead.publishedAt - publishedAt) <= bench.time.slackMs,
        'publishedAt must be when it was published',
      );
      must((dead.deadAt ?? 0) >= publishedAt, 'deadAt must be when it died');
    },
  },
  {
    id: 'D9',
    title: 'looking changes nothing, however often and in however small pages',
    proves: ['browse'],
    gate: BROWSE,
    does: async (bench) => {
      const looksAtAll = bench.capabilities.browse === 'all';
      const ids = await bench.publish(...bench.messages(7));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 5);
      const acts = deliveries.map(
        (delivery) => ({ kind: 'dead', delivery, failure: bench.failure(1) }) as const,
      );
      await bench.settle(receiver, ...acts);
      const before = await bench.depth();
      for (let look = 0; look < 2; look++) {
        const pages: string[] = [];
        for (let after: string | undefined; ;) {
          const page = await bench.inspect({
            kind: 'browse',
            subscription: SUBSCRIPTION,
            state: 'dead',
            limit: 2,
            ...(after !== undefined && { after }),
          });
          if (page.length === 0) break;
          pages.push(...page.map((item) => (item as Peeked).id));
          after = (page.at(-1) as Peeked).ref;
        }
        mustEqual(pages, ids.slice(0, 5), 'the pages together');
        const ready = looksAtAll ? await bench.browse('ready') : [];
        mustEqual(
          ready.map(({ id }) => id),
          looksAtAll ? ids.slice(5) : [],
          'what is ready',
        );
      }
      mustEqual(
        { ...(await bench.depth()), oldestReadyMs: 0 },
        { ...before, oldestReadyMs: 0 },
        'the depth afterwards',
      );
      await bench.ack(receiver, ...(await bench.take(receiver, 2)));
    },
  },
  {
    id: 'D10a',
    title: 'one dead letter can be purged by its ref, and all at once',
    proves: ['dead', 'browse'],
    gate: BROWSE,
    does: async (bench) => {
      await bench.publish(...bench.messages(3));
      const receiver = await bench.receiver();
      const deliveries = await bench.take(receiver, 3);
      await bench.settle(
        receiver,
        ...deliveries.map((delivery) => ({ kind: 'dead', delivery, failure: bench.failure(1) }) as const),
      );
      const [first] = await bench.browse('dead');
      const purge = { kind: 'purge', subscription: SUBSCRIPTION, state: 'dead' } as const;
      mustEqual(
        await bench.inspect({ ...purge, ref: first?.ref as string }),
        [{ kind: 'purged', count: 1 }],
        'the first purge',
      );
      mustEqual((await bench.depth()).dead, 2, 'what is left');
      mustEqual(await bench.inspect(purge), [{ kind: 'purged', count: 2 }], 'the second purge');
    },
  },
  {
    id: 'D16',
    title: 'dead letters are removed when they are older than they are kept, not before, and counted',
    proves: ['dead'],
    gate: BROWSE,
    does: async (bench) => {
      const ids = await bench.publish(...bench.messages(5));
      const receiver = await bench.receiver();
      for (const group of [2, 3]) {
        const deliveries = await bench.take(receiver, group);
        const failure = bench.failure(1);
        await bench.settle(
          receiver,
          ...deliveries.map((delivery) => ({ kind: 'dead', delivery, failure }) as const),
        );
        await bench.time.pass(4_000);
      }
      const counts: number[] = [];
      const sweep = new DeadLetterSweep({
        backend: bench.backend,
        subscription: SUBSCRIPTION,
        clock: bench.time.clock,
        keepMs: 7_000,
        expired: (count) => counts.push(count),
        fault: () => counts.push(-1),
      });
      sweep.start();
      bench.onEnd(() => sweep.stop());
      await bench.time.until(() => counts.length === 1, 1_000);
      mustEqual(
        [counts, (await bench.browse('dead')).map(({ id }) => id)],
        [[2], ids.slice(2)],
        'what the first sweep counted and left',
      );
      await bench.time.until(() => counts.length === 2, 6_000);
      mustEqual([counts, sweep.removed, (await bench.depth()).dead], [[2, 3], 5, 0], 'what both have');
    },
  },
  {
    id: 'D7a',
    title: 'what is dead is out of the way: it is never delivered again',
    proves: ['dead'],
    gate: DEAD,
    does: async (bench) => {
      await bench.publish(bench.message());
      const receiver = await bench.receiver();
      const delivery = await bench.takeOne(receiver);
      await bench.settle(receiver, { kind: 'dead', delivery, failure: bench.failure(1) });
      mustEqual((await bench.depth()).dead, 1, 'the dead letters');
      await bench.silence(receiver, 800);
    },
  },
];
