import type { Retention } from '../../backend/retention.js';
import type { Topology } from '../../backend/topology.js';
import { codeOf, must, mustEqual } from '../expectations.js';
import type { Gate, Law } from '../law.js';
import type { LawBench } from '../law-bench.js';

const LOG: Gate = { needs: 'topics that retain', met: ({ log }) => log !== false };
const NEWS = 'laws.news';
const LATE = 'laws.late';
const FOR_MS = 10_000;

const refusesLog: Law['does'] = async (bench) => {
  mustEqual(await answerTo(bench, retaining({ forMs: FOR_MS })), 'unsupported', 'the answer to retention');
  const answer = await answerTo(bench, listening('earliest'));
  mustEqual(answer, 'unsupported', 'the answer to a subscription that starts with the earliest');
};

/** F2: what a subscription gets that starts late. */
export const LOG_LAWS: readonly Law[] = [
  {
    id: 'F2',
    title: 'a late subscription gets what its topics retained, in order, or nothing of it, as declared',
    proves: ['log'],
    gate: LOG,
    refuses: refusesLog,
    does: async (bench) => {
      await bench.backend.ensure(retaining({ forMs: FOR_MS }), 'create');
      const before = news(bench, 5, { key: 'k', headers: { own: 'header' } });
      const results = await bench.tryPublish(...before);
      const answer = { status: 'stored', copies: 0, retained: true };
      mustEqual(results[0], answer, 'the answer where nobody listens yet');
      const other = { name: 'laws.latest', topics: [NEWS], start: 'latest' } as const;
      await bench.backend.ensure(
        { subscriptions: [...listening('earliest').subscriptions, other] },
        'create',
      );
      const after = news(bench, 2);
      const later = await bench.tryPublish(...after);
      mustEqual(later[1], { status: 'stored', copies: 2, retained: true }, 'the answer where two listen');
      const all = await taken(bench, LATE, 7);
      mustEqual(
        all.map(({ id }) => id),
        [...before, ...after].map(({ id }) => id),
        'what the earliest got',
      );
      const [first] = all;
      mustEqual([first?.key, first?.headers['own'], first?.attempt], ['k', 'header', 1], 'the first one');
      mustEqual((await taken(bench, 'laws.latest', 2)).length, 2, 'what the latest got');
    },
  },
  {
    id: 'F2a',
    title: 'it gets each message once, however often and by however many it is created',
    proves: ['log'],
    gate: LOG,
    refuses: refusesLog,
    does: async (bench) => {
      await bench.backend.ensure(retaining({ forMs: FOR_MS }), 'create');
      const connections = await Promise.all([1, 2, 3].map(() => bench.connect()));
      const published = news(bench, 20);
      const publishing = published.map((message) => bench.publish(message));
      const creating = connections.map((backend) => backend.ensure(listening('earliest'), 'create'));
      await Promise.all([...publishing, ...creating]);
      await bench.backend.ensure(listening('earliest'), 'create');
      const all = await taken(bench, LATE, 20);
      mustEqual(new Set(all.map(({ id }) => id)).size, 20, 'how many different ones came');
    },
  },
  {
    id: 'F2b',
    title: 'what is too old, too much, expired or was sent to one subscription only is not retained',
    proves: ['log'],
    gate: LOG,
    refuses: refusesLog,
    does: async (bench) => {
      await bench.backend.ensure(retaining({ forMs: FOR_MS, maxMessages: 3 }), 'create');
      await bench.publish(...news(bench, 2));
      await bench.time.pass(FOR_MS + bench.time.slackMs);
      const [mortal] = await bench.publish(...news(bench, 1, { ttlMs: 100 }));
      await bench.time.pass(100 + bench.time.slackMs);
      const kept = await bench.publish(...news(bench, 2));
      const refused = await bench.tryPublish(bench.message({ topic: NEWS, to: LATE }));
      mustEqual(
        refused.map(({ status }) => status),
        ['refused'],
        'the answer to a lane that is not there',
      );
      await bench.backend.ensure(listening('earliest'), 'create');
      const some = await taken(bench, LATE, 2);
      mustEqual(
        some.map(({ id }) => id),
        kept,
        'what is neither too old nor expired',
      );
      must(!some.some(({ id }) => id === mortal), 'the expired one must not come');
      const more = await bench.publish(...news(bench, 4));
      await taken(bench, LATE, 4);
      const newer = { name: 'laws.later', topics: [NEWS], start: 'earliest' } as const;
      await bench.backend.ensure({ subscriptions: [newer] }, 'create');
      const newest = await taken(bench, 'laws.later', 3);
      mustEqual(
        newest.map(({ id }) => id),
        more.slice(-3),
        'the newest three',
      );
    },
  },
  {
    id: 'F2c',
    title: 'a delay counts from the publish, for a late subscription too',
    proves: ['log', 'delay'],
    gate: {
      needs: 'topics that retain, and delayed publishes',
      met: ({ log, delay }) => log !== false && delay.publish !== false,
    },
    does: async (bench) => {
      await bench.backend.ensure(retaining({ forMs: FOR_MS }), 'create');
      const publishedAt = bench.time.clock.mono();
      const [late] = await bench.publish(...news(bench, 1, { delayMs: 1_000 }));
      const [soon] = await bench.publish(...news(bench, 1));
      await bench.time.pass(400);
      await bench.backend.ensure(listening('earliest'), 'create');
      const { ready, delayed } = await bench.depth(LATE);
      mustEqual({ ready, delayed }, { ready: 1, delayed: 1 }, 'what is ready and delayed');
      const all = await taken(bench, LATE, 2);
      mustEqual(
        all.map(({ id }) => id),
        [soon, late],
        'the order',
      );
      const waitedMs = bench.time.clock.mono() - publishedAt;
      must(
        waitedMs >= 1_000 && waitedMs <= 1_050 + bench.time.latestMs,
        `the delayed one came after ${waitedMs} ms`,
      );
    },
  },
  {
    id: 'F2d',
    title: 'to start with the earliest of a topic that retains nothing is refused, and nothing is created',
    proves: ['log'],
    gate: LOG,
    refuses: refusesLog,
    does: async (bench) => {
      const innocent = { name: 'laws.innocent', topics: [NEWS] };
      const topology = { subscriptions: [innocent, ...listening('earliest').subscriptions] };
      mustEqual(await answerTo(bench, topology), 'nothing_retained', 'the answer');
      const drift = await bench.backend.ensure({ subscriptions: [innocent] }, 'check');
      mustEqual(
        drift.map(({ kind }) => kind),
        ['missing-subscription'],
        'what was created',
      );
      await bench.backend.ensure({ subscriptions: [innocent] }, 'create');
      await bench.backend.ensure(retaining({ forMs: FOR_MS }), 'create');
      const declared = { topics: [{ name: NEWS, retain: { forMs: 2 * FOR_MS } }], subscriptions: [] };
      const other = await bench.backend.ensure(declared, 'check');
      mustEqual(
        other.map(({ kind }) => kind),
        ['other-retention'],
        'the drift',
      );
      const ended = { ...listening('earliest'), topics: [{ name: NEWS, retain: false as const }] };
      mustEqual(await answerTo(bench, ended), 'nothing_retained', 'the answer when it ends with this');
    },
  },
];

function retaining(retain: Retention): Topology {
  return { topics: [{ name: NEWS, retain }], subscriptions: [] };
}

function listening(start: 'earliest' | 'latest'): Topology {
  return { subscriptions: [{ name: LATE, topics: [NEWS], start }] };
}

function news(bench: LawBench, count: number, given: Parameters<LawBench['message']>[0] = {}) {
  return bench.messages(count, { ...given, topic: NEWS });
}

async function taken(bench: LawBench, name: string, count: number) {
  const receiver = await bench.receiver(name);
  const deliveries = await bench.take(receiver, count);
  await bench.ack(receiver, ...deliveries);
  await receiver.close();
  return deliveries;
}

function answerTo(bench: LawBench, topology: Topology): Promise<string> {
  return bench.backend.ensure(topology, 'create').then(() => 'created', codeOf);
}
