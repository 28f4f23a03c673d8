import { must, mustEqual } from '../expectations.js';
import type { Law } from '../law.js';
import { SUBSCRIPTION, TOPIC } from '../law-bench.js';

/** L at the seam: what an operator does and sees. */
export const ADMIN_LAWS: readonly Law[] = [
  {
    id: 'L2',
    title: 'a list names every subscription, and a purge removes what it names from one of them',
    proves: ['depth'],
    gate: { needs: 'exact counts', met: ({ depth }) => depth === 'exact' },
    does: async (bench) => {
      await bench.ensure({ 'laws.b': [TOPIC] });
      await bench.publish(...bench.messages(3));
      await bench.publish(...bench.messages(2, { delayMs: 60_000 }));
      const all = await bench.inspect({ kind: 'depth' });
      const names = all.map((item) => (item.kind === 'depth' ? item.subscription : item.kind));
      mustEqual(names.sort(), ['laws.b', SUBSCRIPTION], 'the subscriptions');
      const purge = { kind: 'purge', subscription: SUBSCRIPTION } as const;
      mustEqual(
        [
          await bench.inspect({ ...purge, state: 'ready' }),
          await bench.inspect({ ...purge, state: 'delayed' }),
        ],
        [[{ kind: 'purged', count: 3 }], [{ kind: 'purged', count: 2 }]],
        'the answers to the purges',
      );
      const { ready, delayed } = await bench.depth();
      const other = await bench.depth('laws.b');
      mustEqual([ready, delayed, other.ready, other.delayed], [0, 0, 3, 2], 'what is left here and there');
      await bench.inspect({ kind: 'purge', subscription: 'laws.b', state: 'ready' });
      await bench.inspect({ kind: 'purge', subscription: 'laws.b', state: 'delayed' });
    },
  },
  {
    id: 'L3',
    title: 'a backend says that it is up, when it last did something, and that it is closed',
    does: async (bench) => {
      const second = await bench.connect();
      mustEqual(second.status().state, 'up', 'the state of an open backend');
      await bench.publish(bench.message());
      const { state, lastError, lastProgressAt = -Infinity } = bench.backend.status();
      mustEqual([state, lastError], ['up', undefined], 'the state and the last error');
      const agoMs = bench.ambient.clock.now() - lastProgressAt;
      must(agoMs >= 0 && agoMs <= bench.time.latestMs, `the last progress was ${agoMs} ms ago`);
      const receiver = await bench.receiver();
      await bench.ack(receiver, await bench.takeOne(receiver));
    },
  },
];
